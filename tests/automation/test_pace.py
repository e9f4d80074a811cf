from __future__ import annotations

from datetime import timedelta

import pytest

from automation.errors import TooOften
from automation.pace import Pace


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_then_one_at_a_time() -> None:
    watch = Watch()
    pace = Pace(per_second=2, burst=5, stopwatch=watch)
    for _ in range(5):
        pace.take("a")
    with pytest.raises(TooOften) as caught:
        pace.take("a")
    assert caught.value.after == timedelta(seconds=0.5)
    watch.now += 0.5
    pace.take("a")
    with pytest.raises(TooOften):
        pace.take("a")


def test_senders_do_not_slow_one_another() -> None:
    pace = Pace(per_second=1, burst=1, stopwatch=Watch())
    pace.take("a")
    pace.take("b")


def test_rest_fills_the_bucket_to_its_brim_and_no_further() -> None:
    watch = Watch()
    pace = Pace(per_second=1, burst=3, stopwatch=watch)
    pace.take("a")
    watch.now += 1000
    for _ in range(3):
        pace.take("a")
    with pytest.raises(TooOften):
        pace.take("a")
