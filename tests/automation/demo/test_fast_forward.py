from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from automation.app import App
from automation.clock import ShiftedClock
from automation.demo import fast_forward, shop
from automation.errors import NotAllowed
from automation.models import Cart, Enrolment, Job, Message
from automation.queue.beat import drain
from tests import make

MINUTE = timedelta(minutes=1)


@pytest.fixture
def turned(demo: App, tmp_path: Path) -> App:
    """A demo on the clock that a real one has."""
    return replace(demo, clock=ShiftedClock(tmp_path / "clock"))


def asked(app: App, hours: float) -> int:
    with app.db.write() as session:
        return fast_forward.ask(app, session, hours).id


def test_the_clock_goes_in_steps_and_both_run_after_each(turned: App) -> None:
    began = turned.clock()
    asked(turned, 1)
    told: list[tuple[datetime, datetime]] = []
    belt: list[datetime] = []
    assert fast_forward.go(turned, lambda a, b: told.append((a, b)), lambda: belt.append(turned.clock()), lambda: False)
    assert len(told) == len(belt) == 4
    assert all(timedelta() < b - a <= fast_forward.STEP + MINUTE for a, b in told)
    assert all(a <= c for (_, a), c in zip(told, belt, strict=True))
    assert timedelta(hours=1) <= turned.clock() - began < timedelta(hours=1, minutes=5)


def test_progress_can_be_watched_and_ends_done(turned: App) -> None:
    job_id = asked(turned, 1)
    seen: list[float] = []

    def look() -> None:
        with turned.db.read() as session:
            job = session.get_one(Job, job_id)
            seen.append(job.progress)
            assert job.state == "running"

    fast_forward.go(turned, lambda _a, _b: None, look, lambda: False)
    with turned.db.read() as session:
        assert session.get_one(Job, job_id).state == "done"
    assert seen == sorted(seen)
    assert seen[0] < 0.1


def test_stopped_half_way_it_goes_on_from_there(turned: App) -> None:
    began = turned.clock()
    asked(turned, 1)
    steps: list[int] = []
    fast_forward.go(turned, lambda _a, _b: steps.append(1), lambda: None, lambda: len(steps) >= 2)
    assert len(steps) == 2
    fast_forward.go(turned, lambda _a, _b: steps.append(1), lambda: None, lambda: False)
    assert len(steps) == 4
    assert turned.clock() - began < timedelta(hours=1, minutes=5)


def test_nothing_happens_when_nobody_asked(turned: App) -> None:
    assert not fast_forward.go(turned, lambda _a, _b: pytest.fail("stepped"), lambda: None, lambda: False)


def test_one_turn_at_a_time_and_only_in_the_demo(turned: App, app: App) -> None:
    asked(turned, 1)
    with turned.db.write() as session, pytest.raises(NotAllowed, match="already"):
        fast_forward.ask(turned, session, 1)
    with app.db.write() as session, pytest.raises(NotAllowed, match="demo"):
        fast_forward.ask(app, session, 1)


@pytest.mark.parametrize("hours", [0, -1, 24 * 15, float("nan")])
def test_spans_that_make_no_sense_are_refused(turned: App, hours: float) -> None:
    with turned.db.write() as session, pytest.raises(NotAllowed, match="days at a time"):
        fast_forward.ask(turned, session, hours)


def test_mails_leave_at_their_own_time_and_not_at_the_end(turned: App) -> None:
    began = turned.clock()
    shop.load(turned, began, lambda _done, _words: None, customers=40)
    left_at = [began - 20 * MINUTE, began - 50 * MINUTE]
    with turned.db.write() as session:
        found = shop.shop_of(session)
        assert found is not None
        for number, at in enumerate(left_at):
            customer = make.customer(session, found[0], f"Zoe{number}", timezone="UTC")
            make.cart(session, found[0], customer, at, f"own{number}")
    drain(turned)
    asked(turned, 2)
    fast_forward.go(turned, lambda _a, _b: None, lambda: drain(turned), lambda: False)
    with turned.db.read() as session:
        drafted_at = session.scalars(
            select(Message.created_at)
            .join(Enrolment, Enrolment.id == Message.enrolment_id)
            .join(Cart, Cart.external_id == Enrolment.key)
            .where(Cart.external_id.in_(["own0", "own1"]))
            .order_by(Cart.external_id)
        ).all()
    assert len(drafted_at) == 2
    for left, drafted in zip(left_at, drafted_at, strict=True):
        assert timedelta() <= drafted - (left + 60 * MINUTE) <= fast_forward.STEP + MINUTE
