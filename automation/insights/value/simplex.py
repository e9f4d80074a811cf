"""The lowest point of a function of a few numbers, without its derivatives.

The simplex of Nelder and Mead, "A simplex method for function minimization", The Computer Journal 7 (1965), with the
usual coefficients. For the three or four parameters that are fitted here it needs some hundred evaluations, which is
why a numerical library, 100 MB of it once installed, would have nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Point = tuple[float, ...]
Function = Callable[[Point], float]

_EDGE = 0.3
"""How far the corners of the first simplex are from where it starts."""


def minimise(of: Function, start: Sequence[float], *, within: float = 1e-9, most: int = 500) -> Point | None:
    """Where `of` is least, from `start` on.

    It is found when the corners of the simplex differ by less than `within` of their value; None where they still
    do not after `most` evaluations. `of` may be infinite, as long as it is not so at `start`.
    """
    corners = [tuple(start)]
    for place in range(len(start)):
        corners.append(tuple(v + _EDGE if i == place else v for i, v in enumerate(start)))
    simplex = sorted((of(corner), corner) for corner in corners)
    calls = len(simplex)
    while calls < most:
        least, greatest = simplex[0][0], simplex[-1][0]
        if greatest - least <= within * (abs(least) + within):
            return simplex[0][1]
        calls += _step(of, simplex)
        simplex.sort()
    return None


def _step(of: Function, simplex: list[tuple[float, Point]]) -> int:
    """Replace the worst corner, or draw all towards the best; how often the function was asked."""
    worst = simplex[-1][1]
    others = [corner for _, corner in simplex[:-1]]
    centre = tuple(sum(values) / len(others) for values in zip(*others, strict=True))

    def at(reach: float) -> tuple[float, Point]:
        corner = tuple(c + reach * (c - w) for c, w in zip(centre, worst, strict=True))
        return of(corner), corner

    reflected = at(1.0)
    if reflected[0] < simplex[0][0]:
        simplex[-1] = min(reflected, at(2.0))
        return 2
    if reflected[0] < simplex[-2][0]:
        simplex[-1] = reflected
        return 1
    contracted = at(0.5 if reflected[0] < simplex[-1][0] else -0.5)
    if contracted[0] < min(reflected[0], simplex[-1][0]):
        simplex[-1] = contracted
        return 2
    best = simplex[0][1]
    for i in range(1, len(simplex)):
        corner = tuple(b + (c - b) / 2 for b, c in zip(best, simplex[i][1], strict=True))
        simplex[i] = of(corner), corner
    return 2 + len(simplex) - 1
