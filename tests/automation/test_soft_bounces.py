from __future__ import annotations

from datetime import timedelta

from automation.soft_bounces import Sign, enough, runs
from tests.conftest import NOW

DAY = timedelta(days=1)


def bounces(*days: float) -> list[Sign]:
    return [Sign(NOW + day * DAY, is_delivery=False, message_id=n) for n, day in enumerate(days)]


def test_five_mails_over_a_week_are_enough() -> None:
    (run,) = runs(bounces(0, 2, 4, 6, 7))
    last = enough(run)
    assert last is not None
    assert last.at == NOW + 7 * DAY


def test_fewer_or_quicker_ones_are_not() -> None:
    assert enough(runs(bounces(0, 5, 10, 15))[0]) is None
    assert enough(runs(bounces(0, 1, 2, 3, 4, 5, 6.9))[0]) is None


def test_a_delivery_ends_a_run() -> None:
    signs = [*bounces(0, 2, 4, 6, 8), Sign(NOW + 5 * DAY, is_delivery=True, message_id=9)]
    assert [len(run) for run in runs(signs)] == [3, 2]
    assert not any(enough(run) for run in runs(signs))


def test_one_mail_that_bounces_often_counts_once() -> None:
    signs = [Sign(NOW + n * DAY, is_delivery=False, message_id=1) for n in range(20)]
    assert [len(run) for run in runs(signs)] == [1]


def test_nothing_is_no_run() -> None:
    assert runs([]) == []
