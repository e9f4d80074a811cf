"""No sweep of a commerce kind reads a big table from end to end, whether much is due or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from automation import versions
from automation.app import App
from automation.models import Segment, Store
from automation.stages.enrol import due
from tests import make
from tests.conftest import NOW
from tests.triggers import plans
from tests.triggers.sweeps import campaign

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("cart_abandoned", {"intent": "cart"}),
    ("event_happened", {"where": [{"property": "stars", "is": "at_most", "value": 3}]}),
    ("event_happened", {"event": "product.viewed", "each": "customer", "delay_minutes": 60}),
    ("browse_abandoned", {}),
    ("browse_abandoned", {"which": {"categories": ["Cups"]}}),
    ("nth_order", {}),
    ("nth_order", {"is_repeated": True}),
    ("total_spent", {}),
    ("cross_sell", {"bought": {"products": ["p1"]}, "suggested": {"categories": ["Cups"]}}),
    ("win_back", {}),
    ("win_back", {"by": "days"}),
    ("replenishment", {}),
    ("back_in_stock", {}),
    ("price_dropped", {}),
    ("segment_entered", {"segment": 1}),
    ("segment_left", {"segment": 1}),
    ("points_reached", {}),
    ("tier_reached", {}),
    ("reward_expiring", {}),
]

GIVEN = """(SELECT i, c.id, CAST(:now AS timestamptz) - make_interval(secs => i * (63072000.0 / :size)) AS at
       FROM generate_series(1, :size) AS i JOIN customers c ON c.public_id = 'c' || i) AS n"""
ROWS = (
    """INSERT INTO products (store_id, external_id, title, description, url, image_url, category, vendor, tags, price,
         state, created_at, updated_at)
       SELECT :store, 'p' || i, 'Cup', '', '', '', 'Cups', '', '[]', 900, 'active', :now, :now
       FROM generate_series(1, 3000) AS i""",
    """INSERT INTO order_items (order_id, position, product_id, product_external_id, variant_external_id, title, sku,
         quantity, price, discount)
       SELECT o.id, 0, 1 + o.id % 3000, '', '', 'Cup', '', 1, 900, 0 FROM orders o""",
    """INSERT INTO cart_items (cart_id, position, product_id, product_external_id, variant_external_id, title, sku,
         quantity, price)
       SELECT k.id, 0, 1 + k.id % 3000, '', '', 'Cup', '', 1, 900 FROM carts k""",
    "UPDATE events SET product_id = 1 + id % 3000 WHERE name = 'product.viewed'",
    "UPDATE orders SET rhythm_days = CASE WHEN id % 3 = 0 THEN 0 ELSE 1 + id % 60 END",
    """INSERT INTO events (store_id, customer_id, name, at, product_id, properties, recorded_at)
       SELECT :store, CASE WHEN i % 3 = 0 THEN id END,
         (ARRAY['product.stock_wanted', 'product.back_in_stock', 'product.price_dropped'])[1 + i % 3],
         at, 1 + i % 3000, '{"stock": 3, "from": 900, "to": 700}', at FROM GIVEN""",
    """INSERT INTO repurchases (store_id, customer_id, order_id, product_id, bought_at, days, is_own, expected_at)
       SELECT :store, o.customer_id, o.id, 1 + o.id % 3000, o.placed_at, 30, true, o.placed_at + interval '30 days'
       FROM orders o""",
    """INSERT INTO points_entries (store_id, customer_id, kind, points, reason, at, expires_at)
       SELECT :store, id, 'earn', 100, '', at, at + interval '365 days' FROM GIVEN""",
    "INSERT INTO customer_tiers (store_id, customer_id, tier, rank, since) SELECT :store, id, 'gold', 1, at FROM GIVEN",
    """INSERT INTO segment_members (store_id, segment_id, customer_id, entered_at, left_at)
       SELECT :store, 1, id, at, CASE WHEN i % 2 = 0 THEN at + interval '9 days' END FROM GIVEN""",
)
BIG = plans.BIG | {
    "order_items",
    "cart_items",
    "repurchases",
    "points_entries",
    "customer_tiers",
    "segment_members",
}


def fill(app: App, store: Store, size: int = 30_000) -> None:
    """Products, lines, rhythms and the rest for the crowd's orders and carts, spread over two years."""
    with app.db.write() as session:
        segment = Segment(store_id=store.id, name="All", rule={"all": []}, created_at=NOW, updated_at=NOW)
        session.add(segment)
        session.flush()
        for statement in ROWS:
            wanted = text(statement.replace("GIVEN", GIVEN))
            values = {"store": store.id, "now": NOW, "size": size}
            session.execute(wanted, {name: values[name] for name in wanted._bindparams})
    with app.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def read_from_end_to_end(app: App, campaign_id: int, now: datetime, limit: int) -> set[str]:
    """The big tables that a sweep would read as a whole; asked with parameters, as the sweep itself asks."""
    with app.db.read() as session:
        version = next(v for v in versions.of_live_campaigns(app, session) if v.campaign_id == campaign_id)
        statement = due(session, version, version.occurrences(now), now).limit(limit)
        options = {"render_postcompile": True}
        compiled = statement.compile(dialect=session.get_bind().dialect, compile_kwargs=options)
        processors: dict[str, Any] = dict(compiled._bind_processors)
        ready = {name: processors.get(name, lambda v: v)(value) for name, value in compiled.params.items()}
        plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", ready).scalar_one()
        return {name for name in plans._whole(plan[0]["Plan"]) if name in BIG}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_every_commerce_kind_finds_who_is_due_by_an_index(app: App) -> None:
    store = plans.crowd(app)
    fill(app, store)
    found = {}
    for kind, settings in KINDS:
        with app.db.write() as session:
            campaign_id = campaign(app, session, store, kind, **settings).id
        for now in (NOW, NOW + timedelta(days=2000)):
            for limit in (1, 1000):
                tables = read_from_end_to_end(app, campaign_id, now, limit)
                if tables:
                    found[kind, str(settings), now.year, limit] = tables
    assert found == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_so_it_is_on_sqlite(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
    for kind, settings in KINDS:
        with app.db.write() as session:
            campaign_id = campaign(app, session, store, kind, **settings).id
        with app.db.read() as session:
            version = next(v for v in versions.of_live_campaigns(app, session) if v.campaign_id == campaign_id)
            statement = due(session, version, version.occurrences(NOW), NOW).limit(1)
            options = {"literal_binds": True, "render_postcompile": True}
            compiled = statement.compile(dialect=session.get_bind().dialect, compile_kwargs=options)
            plan = [row[3].split() for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
            assert not [line for line in plan if line[0] == "SCAN" and line[1] in BIG], kind
            if (kind, settings) == ("win_back", {}):
                assert ["MULTI-INDEX", "OR"] in plan
