"""How many worlds a simulation goes through: few and seeded by default, ten thousand on request."""

from __future__ import annotations

import os
from random import Random

FULL = int(os.environ.get("CARTWHEEL_TEST_WORLDS", "0"))
"""CARTWHEEL_TEST_WORLDS=10000 goes through so many in each case, which takes about half an hour."""
IS_FULL = FULL >= 10_000
"""Whether there are enough worlds for the narrow bounds."""


def worlds(few: int) -> int:
    """As many as were asked for, else `few`."""
    return FULL or few


def hits(chance: Random, people: int, share: float) -> int:
    """How many of `people` do what each does with a probability."""
    return sum(chance.random() < share for _ in range(people))


def spent(chance: Random, buyers: int, spread: float) -> list[int]:
    """What each buyer spends: minor units, lognormal, with many small and a few large amounts."""
    return [1 + int(chance.lognormvariate(8, spread)) for _ in range(buyers)]
