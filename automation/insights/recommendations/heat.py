"""How much an order weighs for what is trending."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

HALF_LIFE = timedelta(days=21)
_LANDMARK = datetime(2020, 1, 1, tzinfo=UTC)


def weight(at: datetime) -> float:
    """The weight of an order placed then: doubles with every half-life.

    Measured forward from a fixed day, so that sums keep their order as time passes and are never worked out again.
    """
    # Dates that cannot be right (the year 9999) must not become infinite.
    return math.exp2(min(max((at - _LANDMARK) / HALF_LIFE, -200.0), 500.0))
