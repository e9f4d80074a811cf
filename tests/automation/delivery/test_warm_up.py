from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from automation import reasons
from automation.actions.connections import set_pacing
from automation.app import App
from automation.delivery.warm_up import mailbox_of, places
from automation.models import Connection, Decision, Message, Store, WarmDay
from automation.pacing import Pacing
from automation.stages.decide import decide
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import rows
from tests.conftest import NOW
from tests.fakes import Post

TODAY = date(2026, 3, 10)
DEFAULT = Pacing(warm_up=True, warm_up_on=TODAY)


@pytest.mark.parametrize(
    ("domain", "mailbox"),
    [
        ("gmail.com", "gmail"),
        ("GoogleMail.com", "gmail"),
        ("hotmail.co.uk", "outlook"),
        ("outlook.com", "outlook"),
        ("yahoo.co.jp", "yahoo"),
        ("me.com", "icloud"),
        ("example.com", "other"),
        ("gmail.com.example.org", "other"),
        ("yahoo.a.b.c", "other"),
        ("", "other"),
    ],
)
def test_a_domain_tells_whose_mailbox_it_is(domain: str, mailbox: str) -> None:
    assert mailbox_of(domain) == mailbox


def test_a_week_leads_from_a_thousand_to_ten_thousand_and_then_it_is_a_third_more_every_day() -> None:
    days = [places(DEFAULT, TODAY + timedelta(days=n)) for n in range(-1, 40)]
    assert days[0] == 0
    assert (days[1], days[7], days[8], days[9]) == (1000, 10_000, 13_000, 16_900)
    known = [d for d in days if d is not None]
    assert all(a < b for a, b in pairwise(known))
    assert max(known) < DEFAULT.warm_ceiling
    assert days[-1] is None


@given(
    st.integers(1, 5000), st.integers(5000, 100_000), st.integers(2, 90), st.floats(1.01, 3), st.integers(0, 200_000)
)
def test_whatever_is_set_a_day_never_takes_less_than_the_one_before(
    first: int, full: int, days: int, growth: float, day: int
) -> None:
    pacing = Pacing(
        warm_up=True, warm_up_on=TODAY, warm_first=first, warm_full=full, warm_days=days, warm_growth=growth
    )
    before, after = (places(pacing, TODAY + timedelta(days=n)) for n in (day, day + 1))
    assert after is None or (before is not None and before <= after)


def warmed(app: App, people: dict[str, int | None], **values: object) -> Store:
    """A store in UTC, warmed up from three mails a day on; people, and how many days ago they were active."""
    with app.db.write() as session:
        store = make.store(session, timezone="UTC", policy={"quiet_from": "00:00", "quiet_until": "00:00"})
        row = make.connection(app, session, store, "provider", "scripted")
        pacing = Pacing(warm_up=True, warm_first=3, warm_full=6, warm_days=2)
        set_pacing(session, row, pacing, NOW)
        for name, days in people.items():
            engaged_at = None if days is None else NOW - timedelta(days=days)
            email = name.lower() if "@" in name else f"{name.lower()}@gmail.com"
            person = make.customer(session, store, name, email=email, email_key=email, engaged_at=engaged_at)
            make.message(session, person, **{"state": "ready", "expires_at": None, **values})
        return store


def sent(world: Post) -> list[str]:
    return [to.partition("@")[0] for to in world.recipients]


def test_what_finds_no_place_waits_for_the_next_day_and_the_engaged_go_first(post: tuple[App, Post]) -> None:
    app, world = post
    warmed(app, {"Ada": None, "Bob": 200, "Cid": 3, "Dan": 1, "Eve": 80})
    deliver(app, NOW, 100)
    assert sorted(sent(world)) == ["cid", "dan", "eve"]
    waiting = [m for m in rows(app) if m.state == "draft"]
    midnight = NOW.replace(hour=0) + timedelta(days=1)
    assert [(m.reason, m.due_at, m.warm_on) for m in waiting] == [("warm_up", midnight, TODAY + timedelta(days=1))] * 2
    assert deliver(app, NOW + timedelta(hours=1), 100) == 0
    decide(app, midnight, 100)
    deliver(app, midnight, 100)
    assert sorted(sent(world)) == ["ada", "bob", "cid", "dan", "eve"]


def test_the_decision_names_the_numbers(post: tuple[App, Post]) -> None:
    app, _ = post
    warmed(app, {f"A{n}": 1 for n in range(4)})
    deliver(app, NOW, 100)
    with app.db.read() as session:
        decision = session.scalars(select(Decision)).one()
    assert decision.facts == {"mailbox": "Gmail", "day": "2026-03-10", "most": 3, "taken": 3}
    said = reasons.verdict(decision.outcome, decision.reason, decision.facts, decision.until, "UTC")
    assert said == (
        "Not now: the connection is warmed up, and Gmail gets 3 mails on 2026-03-10: those places are taken; "
        "put off until Wed 11 Mar 00:00."
    )


def test_each_mailbox_provider_has_its_own_places(post: tuple[App, Post]) -> None:
    app, world = post
    warmed(app, {**{f"A{n}": 1 for n in range(4)}, **{f"b{n}@yahoo.co.uk": 1 for n in range(4)}, "c@firm.example": 1})
    deliver(app, NOW, 100)
    assert len(sent(world)) == 3 + 3 + 1
    with app.db.read() as session:
        taken = {(d.mailbox, d.day_on.day): d.taken for d in session.scalars(select(WarmDay))}
    assert taken == {("gmail", 10): 3, ("gmail", 11): 1, ("yahoo", 10): 3, ("yahoo", 11): 1, ("other", 10): 1}


def test_transactional_mails_wait_for_no_place_and_take_none(post: tuple[App, Post]) -> None:
    app, world = post
    warmed(app, {f"A{n}": 1 for n in range(8)}, mail_class="transactional", rank=0)
    deliver(app, NOW, 100)
    assert len(sent(world)) == 8
    with app.db.read() as session:
        assert session.scalars(select(WarmDay)).all() == []


def test_a_place_is_given_once_however_often_a_mail_is_tried(post: tuple[App, Post]) -> None:
    app, world = post
    warmed(app, {"Ada": 1, "Bob": 1})
    with app.db.write() as session:
        session.scalars(select(Connection)).one().pacing = {
            **session.scalars(select(Connection)).one().pacing,
            "per_second": 1,
            "burst": 1,
        }
    for second in range(3):
        deliver(app, NOW + timedelta(seconds=second), 100)
    assert sorted(sent(world)) == ["ada", "bob"]
    with app.db.read() as session:
        assert session.scalars(select(WarmDay.taken)).all() == [2]


def test_a_long_backlog_is_spread_over_the_days_and_keeps_half_of_each_for_the_engaged(post: tuple[App, Post]) -> None:
    app, world = post
    warmed(app, {**{f"Idle{n}": None for n in range(30)}, "Eager": 1})
    for _ in range(40):
        if not deliver(app, NOW, 1):
            break
    assert "eager" in sent(world)
    assert len(sent(world)) <= 3
    by_day: dict[date | None, int] = {}
    for m in rows(app):
        by_day[m.warm_on] = by_day.get(m.warm_on, 0) + 1
    assert all(count <= (places(pacing_of_one(app), day) or 31) for day, count in by_day.items() if day)
    assert None not in by_day


def pacing_of_one(app: App) -> Pacing:
    with app.db.read() as session:
        return Pacing.model_validate(session.scalars(select(Connection)).one().pacing)


def test_what_would_be_too_late_on_its_day_is_dropped_at_once_with_the_reason(post: tuple[App, Post]) -> None:
    app, _ = post
    warmed(app, {f"A{n}": 1 for n in range(4)}, expires_at=NOW + timedelta(hours=2))
    deliver(app, NOW, 100)
    dropped = [m for m in rows(app) if m.state == "dropped"]
    assert [m.reason for m in dropped] == ["expired"]
    with app.db.read() as session:
        facts = session.scalars(select(Decision)).one().facts
    assert "kept back by the warm-up of the connection" in reasons.reason("expired", facts, "UTC")


def test_without_a_warm_up_nobody_needs_a_place(post: tuple[App, Post]) -> None:
    app, world = post
    store = warmed(app, {f"A{n}": 1 for n in range(8)})
    with app.db.write() as session:
        row = session.scalars(select(Connection).where(Connection.store_id == store.id)).one()
        set_pacing(session, row, Pacing(), NOW)
    deliver(app, NOW, 100)
    assert len(sent(world)) == 8
    with app.db.read() as session:
        assert session.scalars(select(Message.warm_on)).all() == [None] * 8
