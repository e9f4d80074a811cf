"""A touchpoint after which fewer people go onward than usual is told of, a week after the day."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation import cursors
from automation.app import App
from automation.clock import TurnableClock
from automation.insights.daily import keep
from automation.insights.journey import ready, watching
from automation.models import Alert, JourneyStage, JourneyStay, SeriesDay, Store, Touchpoint
from automation.stages.warn import warn
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)
SETTLED = NOW - DAY - watching.LAG * DAY
"""Of this day a look at NOW tells."""


def _meet(app: App, store: Store, count: int, onward: int) -> None:
    """So many people viewed a product on the day that is settled; some went onward three days later."""
    with app.db.write() as session:
        stage = session.scalars(select(JourneyStage.id).where(JourneyStage.code == "acquisition")).one()
        for n in range(count):
            who = make.customer(session, store, f"V{n}", consent=False)
            make.event(session, store, who, "product.viewed", SETTLED)
            if n < onward:
                at = SETTLED + 3 * DAY
                session.add(JourneyStay(store_id=store.id, customer_id=who.id, stage_id=stage, step=1, entered_at=at))


def _watch(app: App, clock: TurnableClock, count: int, onward: int) -> list[str]:
    with app.db.write() as session:
        store = make.store(session)
        ready.begin(session, store, NOW)
        place = session.scalars(select(Touchpoint.id).where(Touchpoint.event == "product.viewed")).first()
        name = f"touchpoint/{place}/conversion"
        days = (NOW - n * DAY for n in range(8, 80))
        keep(session, [{"store_id": store.id, "series": name, "on": d.date(), "value": 80, "of": 100} for d in days])
        cursors.move(session, f"warn:{store.id}", (NOW - 2 * DAY).date().toordinal(), NOW)
    _meet(app, store, count, onward)
    warn(app, clock(), 10)
    with app.db.read() as session:
        kept = session.get_one(SeriesDay, (store.id, name, SETTLED.date()))
        assert (kept.value, kept.of) == (onward, count)
        return list(session.scalars(select(Alert.text).where(Alert.series == name)))


def test_fewer_who_go_onward_than_usual_are_told_of(app: App, clock: TurnableClock) -> None:
    (told,) = _watch(app, clock, 40, 4)
    assert told.startswith("Customers who went onward after “Product pages”: 10 % on ")
    assert "it is usually 52 % to 97 %" in told


def test_as_many_as_usual_or_more_are_no_news(app: App, clock: TurnableClock) -> None:
    assert _watch(app, clock, 40, 40) == []
