"""Chance that is no chance: the same customer draws the same number from the same lot, in Python and in SQL.

A lot is named by text ("campaign 7, step split_1"). A customer's number in it is a keyed permutation of their id,
two rounds of (x + key)⁵ modulo the prime 2³¹ − 1, as in the MiMC family of ciphers (Albrecht et al. 2016). The fifth
power permutes that field, so numbers are spread evenly, and products stay below 2⁶², so both databases can compute
them. It is fair, not secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, literal

PRIME = 2**31 - 1


@lru_cache(maxsize=4096)
def _keys(lot: str) -> tuple[int, int, int]:
    digest = blake2b(lot.encode(), digest_size=12).digest()
    first, second, third = (int.from_bytes(digest[i : i + 4]) % PRIME for i in (0, 4, 8))
    return first, second, third


def draw(lot: str, customer_id: int) -> float:
    """A customer's number in a lot: 0 ≤ number < 1, always the same."""
    first, second, third = _keys(lot)
    x = pow((customer_id + first) % PRIME, 5, PRIME)
    x = pow((x + second) % PRIME, 5, PRIME)
    return (x + third) % PRIME / PRIME


def drawn_below(lot: str, customer_id: ColumnElement[Any], share: float) -> ColumnElement[bool]:
    """True in SQL for the customers whose number in a lot is below `share`: those for whom `draw() < share`."""
    first, second, third = (literal(key, BigInteger) for key in _keys(lot))
    prime = literal(PRIME, BigInteger)

    def fifth(x: Any) -> Any:
        square = (x * x) % prime
        return (((square * square) % prime) * x) % prime

    x = fifth((customer_id + first) % prime)
    x = fifth((x + second) % prime)
    found: ColumnElement[bool] = ((x + third) % prime) < literal(_bound(share), BigInteger)
    return found


def _bound(share: float) -> int:
    # The smallest whole number that is not below the share, found as draw() would find it.
    bound = min(PRIME, max(0, int(share * PRIME)))
    while bound < PRIME and bound / PRIME < share:
        bound += 1
    while bound > 0 and (bound - 1) / PRIME >= share:
        bound -= 1
    return bound


def choose(lot: str, customer_id: int, arms: Sequence[tuple[str, float]]) -> str:
    """One of several named arms, by their weights. Raises ValueError when all weights are 0."""
    total = sum(weight for _, weight in arms)
    if total <= 0:
        raise ValueError("at least one arm needs a weight")
    at, reached = draw(lot, customer_id) * total, 0.0
    for name, weight in arms:
        reached += weight
        if at < reached:
            return name
    return next(name for name, weight in reversed(arms) if weight > 0)
