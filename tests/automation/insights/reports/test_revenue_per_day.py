"""Revenue, day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from automation.app import App
from automation.insights.periods import Period, latest
from automation.insights.report import Asked, report
from automation.models import Segment, Store
from automation.rules import language
from tests import make
from tests.conftest import NOW


def test_days_are_the_stores_and_what_was_cancelled_does_not_count(app: App) -> None:
    zone = ZoneInfo("America/New_York")
    with app.db.write() as session:
        store: Store = make.store(session)
        late = datetime(2026, 1, 2, 3, tzinfo=UTC)  # the evening of the first, in New York
        ada = make.customer(session, store)
        make.order(session, store, ada, late, "o1", total=1000, refunded=200)
        make.order(session, store, None, late + timedelta(days=1), "o2", total=500)
        make.order(session, store, None, late, "o3", total=9000, cancelled_at=late)
        asked = Asked(store.id, store.currency, Period(date(2026, 1, 1), date(2026, 1, 3), zone), NOW)
        table = report("revenue_per_day").table(session, asked)
        assert [list(row) for row in table.rows] == [
            [date(2026, 1, 1), 1, 1000, 800],
            [date(2026, 1, 2), 1, 500, 500],
            [date(2026, 1, 3), 0, 0, 0],
        ]
        assert table.plain(table.rows[0]) == ["2026-01-01", 1, "10.00", "8.00"]


def test_only_the_orders_of_a_segments_members_count_where_one_is_chosen(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store, country="PT"), make.customer(session, store, "Bob", country="DE")
        make.order(session, store, ada, NOW, "o1", total=1000)
        make.order(session, store, bob, NOW, "o2", total=500)
        rule = language.read({"field": "country", "is": "in", "value": ["PT"]})
        portuguese = Segment(store_id=store.id, name="Portugal", rule=language.dump(rule))
        asked = Asked(store.id, store.currency, latest(1, NOW, ZoneInfo("UTC")), NOW, segment=portuguese)
        assert report("revenue_per_day").table(session, asked).column("gross") == [1000]
