from __future__ import annotations

from datetime import time

import pytest
from pydantic import ValidationError

from automation.policy import Policy


def test_the_defaults_are_the_products() -> None:
    policy = Policy()
    assert (policy.gap_hours, policy.defer_hours) == (16, 48)
    assert (policy.quiet_from, policy.quiet_until) == (time(21), time(8))
    assert (policy.complaint_warn_percent, policy.complaint_pause_percent) == (0.10, 0.30)


def test_reminders_are_limited_only_where_the_store_says_so() -> None:
    assert Policy().limited == {"lifecycle", "promotional"}
    assert Policy(limits_reminders=True).limited == {"reminder", "lifecycle", "promotional"}


def test_a_limit_below_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="most_per_day"):
        Policy(most_per_day=-1)
