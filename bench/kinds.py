"""What a sweep costs for each kind of trigger in a big store, and for twenty live campaigns of which nothing is due.

A million customers over ten years, each with orders, carts, due items, dates and points, and ten million events. The
sweep that is measured first enrols what is due; the second finds nothing new, which is what most sweeps do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, text, update

from automation import versions
from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Campaign, Store
from automation.stages import enrol
from bench.rig import Figure, analyse, filling, installation, lanes, median_ms
from tests.conftest import NOW
from tests.triggers import plans, test_commerce_plans, test_plans
from tests.triggers.sweeps import campaign

IDLE_MS, LIVE = 100, 20
_EVENTS = """INSERT INTO events (store_id, customer_id, name, at, properties, product_id, recorded_at)
    SELECT :store, 1 + (CAST(i AS bigint) * 7919) % :size,
      (ARRAY['product.viewed', 'review.left', 'search', 'mail.read'])[1 + i % 4],
      CAST(:now AS timestamptz) - make_interval(secs => i * (315360000.0 / (9 * :size))), '{"stars": 5}',
      1 + i % 3000, CAST(:now AS timestamptz) FROM generate_series(1, 8 * :size) AS i"""


def measure(quick: bool) -> Iterator[Figure]:
    """Each kind alone, then twenty campaigns together, on PostgreSQL."""
    if "postgresql" not in lanes():
        return
    size = 50_000 if quick else 1_000_000
    with installation("postgresql", TurnableClock(NOW)) as app:
        store = fill(app, size)
        for kind, settings in [*test_plans.KINDS, *test_commerce_plans.KINDS]:
            yield _kind(app, store, size, kind, settings)
        yield from _together(app, size)


def fill(app: App, size: int) -> Store:
    """So many customers with all they have, and ten events for each."""
    with filling(app):
        store = plans.crowd(app, size)
        test_commerce_plans.fill(app, store, size)
        with app.db.write() as session:
            session.execute(text(_EVENTS), {"store": store.id, "size": size, "now": NOW})
    analyse(app)
    return store


def _kind(app: App, store: Store, size: int, kind: str, settings: dict[str, Any]) -> Figure:
    with app.db.write() as session:
        session.execute(update(Campaign).values(state="paused"))
        campaign(app, session, store, kind, **settings)
    start = stopwatch()
    entered = enrol.enrol(app, NOW, 1_000_000)
    first = (stopwatch() - start) * 1000
    again = median_ms(lambda: enrol.enrol(app, NOW, 1_000_000), repeats=5)
    told = ", ".join(f"{name} {value}" for name, value in settings.items())
    return Figure(
        "kinds",
        f"{kind} {told}"[:46].strip(),
        "postgresql",
        round(again, 2),
        "ms",
        note=f"nothing new; {entered:,} entered in {first:.0f} ms before ({size:,} customers)",
    )


def _together(app: App, size: int) -> Iterator[Figure]:
    """The twenty of different kinds that were swept before: nothing due, and everything due that is in already."""
    with app.db.write() as session:
        ids = list(session.scalars(select(Campaign.id).where(Campaign.live_version_id.is_not(None))))
        chosen = [ids[i * len(ids) // LIVE] for i in range(LIVE)]
        session.execute(update(Campaign).where(Campaign.id.in_(chosen)).values(state="live"))
    with app.db.read() as session:
        live = len(versions.of_live_campaigns(app, session))
    enrol.enrol(app, NOW, 1_000_000)
    known = f"{size:,} customers, {size * 10:,} events"
    late = median_ms(lambda: enrol.enrol(app, NOW, 1_000_000), repeats=9)
    words = f"{live} campaigns, all of 48 hours in already"
    yield Figure("kinds", words, "postgresql", round(late, 1), "ms", note=known)
    with app.db.write() as session:  # what fell due before they went live does not count
        session.execute(update(Campaign).values(live_since=NOW))
    idle = median_ms(lambda: enrol.enrol(app, NOW, 1_000_000), repeats=9)
    words = f"{live} campaigns, nothing due"
    yield Figure("kinds", words, "postgresql", round(idle, 1), "ms", f"under {IDLE_MS} ms", idle < IDLE_MS, known)
