"""Named points at which the crash campaign kills the process.

In production `fault()` looks at an empty variable and returns. The crash harness arms it with a function.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS: list[str] = []
"""Every point that was declared, for the harness to aim at."""

_armed: Callable[[str], None] | None = None


def declare(*names: str) -> None:
    """Make points known at import, so that the harness can tell which were never reached."""
    POINTS.extend(n for n in names if n not in POINTS)


def fault(name: str) -> None:
    """Pass a point."""
    if _armed is not None:
        _armed(name)


def arm(action: Callable[[str], None] | None) -> None:
    """Call `action` at every point from now on; None disarms."""
    global _armed  # noqa: PLW0603  one switch for the whole process is the point
    _armed = action
