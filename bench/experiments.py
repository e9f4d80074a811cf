"""What a look at an experiment costs, and what a day of alerts: both run beside the belt and must not hold it up.

A look counts everybody who was ever drawn, so it grows with them; that is why the looks at an experiment get fewer
the longer it runs (a fiftieth of its age apart, at least ten minutes and at most a day).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import update

from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.insights import daily
from automation.models import Campaign, Store
from automation.stages.measure import measure as look
from automation.stages.warn import warn
from bench.rig import Figure, analyse, installation, lanes
from tests.automation.insights.experiments.shop import DAY, Shop, some
from tests.conftest import NOW

BENCH = "experiments"


def measure(quick: bool) -> Iterator[Figure]:
    """A holdout over many customers, of whom a tenth ordered; and a day of a store that has sent nothing."""
    count = 20_000 if quick else 200_000
    for lane in lanes():
        with installation(lane, TurnableClock(NOW)) as app:
            store_id = _play(app, count)
            analyse(app)
            start = stopwatch()
            if look(app, NOW, 5) != 1:
                raise AssertionError("one experiment was to be looked at")
            yield Figure(BENCH, f"look at a holdout, {count:,} customers", lane, stopwatch() - start, "s")
            start = stopwatch()
            days = warn(app, NOW, 1000)
            span = (stopwatch() - start) / days
            with app.db.read() as session:
                series = len(daily.watched(session, session.get_one(Store, store_id), (NOW - DAY).date()))
            yield Figure(BENCH, f"a day of {series} watched figures", lane, 1000 * span, "ms")


def _play(app: App, count: int) -> int:
    with app.db.write() as session:
        shop = Shop(app, session, holdout_percent=10)
        session.execute(update(Campaign).values(live_since=NOW - 300 * DAY))
        for start in range(0, count, 10_000):
            people = shop.people(min(10_000, count - start))
            shop.enter(people, NOW - 10 * DAY, percent=10)
            shop.buy(some(people, 0.1, start), NOW - 9 * DAY)
        return shop.store.id
