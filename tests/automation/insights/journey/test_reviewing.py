"""The reminder to look the map over."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from automation.app import App
from automation.insights.journey import moving, ready, reviewing
from automation.models import Alert, Touchpoint
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)


def _reminders(app: App) -> list[str]:
    with app.db.read() as session:
        return list(session.scalars(select(Alert.text).where(Alert.series == reviewing.SERIES).order_by(Alert.id)))


def test_a_map_that_nobody_looked_over_for_a_season_is_told_of_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ready.begin(session, store, NOW)
        make.customer(session, store, created_at=NOW)
        store_id = store.id
    moving.refresh(app, NOW + 89 * DAY, 100)
    assert _reminders(app) == []
    for day in (91, 93, 95):
        moving.refresh(app, NOW + day * DAY, 100)
    assert _reminders(app) == ["Journey map: nobody has looked it over for 91 days. Is it still true?"]
    with app.db.write() as session:
        session.execute(update(Touchpoint).values(owner="Ben"))
        reviewing.reviewed(session, store_id, NOW + 180 * DAY)
    moving.refresh(app, NOW + 200 * DAY, 100)
    assert len(_reminders(app)) == 1
    moving.refresh(app, NOW + 271 * DAY, 100)
    assert _reminders(app)[1].endswith("Is it still true? It is looked after by Ben.")
