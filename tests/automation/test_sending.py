from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import event, select

from automation import sending
from automation.actions.connections import pause, set_pacing
from automation.app import App
from automation.models import Connection, RateState, WarmDay
from automation.pacing import Pacing
from automation.sending import ConnectionHealth
from tests import make
from tests.conftest import NOW

POSTMARK: dict[str, Any] = {"server_token": "token"}


def shop(app: App, *others: Pacing, **pacing: Any) -> list[int]:
    """A store in UTC with a default connection, and one more for each of `others`; their ids."""
    with app.db.write() as session:
        store = make.store(session, timezone="UTC")
        first = make.connection(app, session, store, "provider", "postmark", **POSTMARK)
        set_pacing(session, first, Pacing.model_validate(pacing), NOW)
        ids = [first.id]
        for other in others:
            row = make.connection(app, session, store, "provider", "postmark", **POSTMARK)
            set_pacing(session, row, other, NOW)
            ids.append(row.id)
        return ids


def look(app: App) -> list[ConnectionHealth]:
    with app.db.read() as session:
        return sending.connections(app, session, NOW)


def change(app: App, connection_id: int, **values: Any) -> None:
    with app.db.write() as session:
        row = session.get_one(Connection, connection_id)
        for name, value in values.items():
            setattr(row, name, value)


def test_each_connection_says_what_it_does(app: App) -> None:
    ids = shop(app, Pacing(use="stand_in"), Pacing(), Pacing(use="share"))
    assert [c.condition for c in look(app)] == ["sends", "stands_by", "unused", "sends"]
    change(app, ids[3], state="broken", state_reason="Wrong key.", down_since=NOW - timedelta(hours=1))
    change(app, ids[0], down_since=NOW - timedelta(minutes=6))
    found = look(app)
    assert [c.condition for c in found] == ["down", "stands_in", "unused", "broken"]
    assert found[3].sentence == "Wrong key."
    change(app, ids[0], down_since=NOW, not_before=NOW + timedelta(seconds=5))
    assert look(app)[0].condition == "rests"
    with app.db.write() as session:
        pause(session, session.get_one(Connection, ids[0]), NOW)
    assert look(app)[0].condition == "paused"


def test_a_connection_without_a_limit_has_no_rate(app: App) -> None:
    shop(app)
    rate = look(app)[0].rate
    assert (rate.per_second, rate.left, rate.is_lowered) == (None, None, False)


def test_the_rate_of_this_instant_is_told(app: App) -> None:
    ids = shop(app, per_second=10, burst=20)
    rate = look(app)[0].rate
    assert (rate.per_second, rate.ceiling, rate.of, rate.burst, rate.left) == (10, 10, "mails", 20, 20)
    with app.db.write() as session:
        state = RateState(connection_id=ids[0], per_second=5, tokens=0, filled_at=NOW, lowered_at=NOW, quota="ten")
        session.add(state)
    rate = look(app)[0].rate
    assert (rate.per_second, rate.left, rate.is_lowered, rate.quota) == (5, 0, True, "ten")


def test_a_warm_up_tells_how_far_it_has_come(app: App) -> None:
    ids = shop(app, warm_up=True, warm_up_on=NOW.date() - timedelta(days=6), warm_ceiling=20_000)
    with app.db.write() as session:
        session.add(WarmDay(connection_id=ids[0], mailbox="gmail", day_on=NOW.date(), taken=70))
        session.add(WarmDay(connection_id=ids[0], mailbox="gmail", day_on=NOW.date() + timedelta(days=1), taken=5))
    warm = look(app)[0].warm_up
    assert warm is not None
    assert (warm.day, warm.of, warm.most, warm.is_over) == (7, 10, 10_000, False)
    assert warm.progress == pytest.approx(6 / 9)
    assert [places for _, places in warm.plan][-3:] == [10_000, 13_000, 16_900]
    gmail = warm.mailboxes[0]
    assert (gmail.name, gmail.taken, gmail.most, gmail.waiting) == ("Gmail", 70, 10_000, 5)


def test_a_warm_up_that_is_switched_on_begins_today_and_once_over_says_so(app: App) -> None:
    ids = shop(app, warm_up=True)
    with app.db.read() as session:
        assert session.get_one(Connection, ids[0]).pacing == {"warm_up": True, "warm_up_on": "2026-03-10"}
    change(app, ids[0], pacing={"warm_up": True, "warm_up_on": str(date(2025, 1, 1))})
    warm = look(app)[0].warm_up
    assert warm is not None
    assert (warm.is_over, warm.progress, warm.mailboxes) == (True, 1, [])


def test_all_of_it_takes_two_statements_and_goes_into_json(app: App) -> None:
    shop(app, *[Pacing(use="stand_in")] * 4, warm_up=True, per_second=1)
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(app.db.engine, "before_cursor_execute", note)
    found = look(app)
    event.remove(app.db.engine, "before_cursor_execute", note)
    assert len([s for s in seen if s.startswith("SELECT")]) == 2
    told = orjson.loads(orjson.dumps([c.as_json() for c in found]))
    assert [t["condition"] for t in told] == ["sends"] + ["stands_by"] * 4
    assert told[0]["warm_up"]["mailboxes"][0]["most"] == 1000
    assert told[0]["rate"]["per_second"] == 1
    assert "token" not in str(told)
    with app.db.read() as session:
        assert session.scalars(select(RateState)).all() == []
