"""Looks at how PostgreSQL means to find who is due: O(due) shows in the plan, whatever the machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ClauseElement, Executable, Select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from automation import versions
from automation.app import App
from automation.models import Store
from automation.stages.enrol import due
from tests import make
from tests.conftest import NOW

BIG = frozenset({"customers", "orders", "events", "carts", "due_items", "special_dates", "consents", "enrolments"})
"""Tables that no sweep may read from end to end."""


def crowd(app: App, size: int = 30_000) -> Store:
    """A store with so many customers, each with an order, an event, a due item …, spread over ten years."""
    assert not app.db.is_sqlite
    with app.db.write() as session:
        store = make.store(session, created_at=NOW - timedelta(days=800))
        old = make.campaign(app, session, store)
        values = {"store": store.id, "size": size, "now": NOW, "campaign": old.id, "version": old.live_version_id}
        # Eight a day, all over the past ten years.
        when = "CAST(:now AS timestamptz) - make_interval(secs => i * (315360000.0 / :size))"
        given = f"SELECT i, {when} AS at FROM generate_series(1, :size) AS i"
        for statement in _ROWS:
            wanted = text(statement.replace("GIVEN", f"({given}) AS n"))
            session.execute(wanted, {name: values[name] for name in wanted._bindparams})
    with app.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return store


_ROWS = (
    """INSERT INTO customers (public_id, store_id, email, email_key, first_name, last_name, phone, timezone,
         birthday_month, birthday_day, tags, attributes, notes, source, created_at, updated_at)
       SELECT 'c' || i, :store, i || '@example.com', i || '@example.com', 'Ada', '', '',
         (ARRAY['Europe/Berlin', 'America/New_York', NULL])[1 + i % 3],
         1 + i % 12, 1 + i % 28, '[]', '{}', '', '{}', at, at FROM GIVEN""",
    """INSERT INTO orders (store_id, customer_id, external_id, number, currency, subtotal, discount, shipping, tax,
         total, refunded, codes, source, placed_at, fulfilled_at, delivered_at, recorded_at)
       SELECT :store, c.id, 'o' || i, '', 'EUR', 100, 0, 0, 0, 100, 0, '[]', '{}', at, at,
         CASE WHEN i % 2 = 0 THEN at END, at FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO events (store_id, customer_id, name, at, properties, recorded_at)
       SELECT :store, c.id, (ARRAY['product.viewed', 'review.left', 'feed.item_published'])[1 + i % 3], at, '{}', at
       FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO due_items (store_id, customer_id, kind, external_id, title, url, due_at, properties, created_at,
         updated_at)
       SELECT :store, c.id, (ARRAY['payment', 'renewal'])[1 + i % 2], 'd' || i, '', '', at + interval '10 days', '{}',
         at, at FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO special_dates (store_id, customer_id, name, month, day, created_at, updated_at)
       SELECT :store, c.id, 'wedding', 1 + i % 12, 1 + i % 28, at, at
       FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO consents (store_id, customer_id, topic, status, source, wording, ip, agent, detail, at, recorded_at)
       SELECT :store, c.id, 'marketing', 'granted', 'form', '', '', '', '', at, at
       FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO consent_states (customer_id, topic, store_id, status, at, consent_id)
       SELECT customer_id, topic, store_id, status, at, id FROM consents""",
    """INSERT INTO enrolments (store_id, campaign_id, version_id, customer_id, key, anchor_at, state, due_at, visits,
         entered_at, exit_reason)
       SELECT :store, :campaign, :version, c.id, 'k' || i, at, 'finished', at, 0, at, ''
       FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
    """INSERT INTO carts (store_id, customer_id, external_id, currency, total, item_count, recovery_url, source,
         created_at, last_activity_at)
       SELECT :store, c.id, 'k' || i, 'EUR', 100, 1, '', '{}', at, at
       FROM GIVEN JOIN customers c ON c.public_id = 'c' || i""",
)


def read_from_end_to_end(app: App, campaign_id: int, now: datetime, limit: int | None) -> set[str]:
    """The big tables that a sweep of a campaign would read as a whole, by the plan of its statement.

    `limit` is that of the sweep: its first look is for one row, what it inserts is up to a batch.
    """
    with app.db.read() as session:
        version = next(v for v in versions.of_live_campaigns(app, session) if v.campaign_id == campaign_id)
        statement = due(session, version, version.occurrences(now), now)
        if limit is not None:
            statement = statement.limit(limit)
        plan = session.execute(_Explain(statement)).scalar_one()
        return {name for name in _whole(plan[0]["Plan"]) if name in BIG}


class _Explain(Executable, ClauseElement):
    """Asks how a statement would be run, with the very parameters it would have."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explain(element: _Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **kw)}"


def _whole(node: dict[str, Any]) -> Iterator[str]:
    # An index that is walked without a condition on it is a sequential scan in disguise.
    if node["Node Type"] == "Seq Scan" or (node["Node Type"].startswith("Index") and "Index Cond" not in node):
        yield node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from _whole(inner)
