"""How long an enrol sweep takes with ever more customers and the same 1,000 carts due: it must stay flat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, text

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment
from automation.stages.enrol import enrol
from bench.rig import Figure, analyse, installation, lanes, median_ms
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DUE = 1000


def measure(quick: bool) -> Iterator[Figure]:
    """Sweeps with 1,000 due and with nothing due, on each database."""
    sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    for lane in lanes():
        first = None
        for size in sizes:
            due, idle = _sweep(lane, size)
            first = first or due
            ratio = due / first
            yield Figure(
                "sweep",
                f"{size:,} customers, {DUE:,} carts due",
                lane,
                round(due, 1),
                "ms",
                "1 M within 2× of 10 k; under 100 ms" if size == sizes[-1] else "",
                (ratio <= 2 and due < 100) if size == sizes[-1] else None,
                f"{ratio:.2f}× the time at {sizes[0]:,}",
            )
            yield Figure("sweep", f"{size:,} customers, nothing due", lane, round(idle, 2), "ms")


def _sweep(lane: str, size: int) -> tuple[float, float]:
    with installation(lane, TurnableClock(NOW)) as app:
        _fill(app, size)
        analyse(app)

        def clear() -> None:
            with app.db.write() as session:
                session.execute(delete(Enrolment))

        spans = []
        for _ in range(5):
            clear()
            spans.append(median_ms(lambda: _expect(app, DUE), repeats=1))
        idle = median_ms(lambda: _expect(app, 0), repeats=9)
        return sorted(spans)[2], idle


def _expect(app: App, count: int) -> None:
    found = enrol(app, NOW, 1_000_000)
    if found != count:
        raise AssertionError(f"{found} enrolled instead of {count}")


def _fill(app: App, size: int) -> None:
    """`size` customers, each with an old cart that was ordered, and 1,000 with one that is due."""
    with app.db.write() as session:
        store = make.store(session)
        campaign = make.campaign(app, session, store)
        campaigns.publish(app, session, campaign, NOW - timedelta(days=30))
        numbers = (
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})"
            if app.db.is_sqlite
            else f"WITH n(i) AS (SELECT generate_series(1, {size}))"
        )
        old, left = "2025-11-01 10:00:00.000000", "2026-03-10 11:25:00.000000"
        json = "'{}'" if app.db.is_sqlite else "'{}'::jsonb"
        listed = "'[]'" if app.db.is_sqlite else "'[]'::jsonb"
        into = (
            "INSERT INTO customers (public_id, store_id, email, email_key, first_name, last_name, phone, tags, "
            "attributes, notes, source, created_at, updated_at) "
        )
        values = (
            f"SELECT 'c' || i, {store.id}, i || '@example.com', i || '@example.com', 'A', 'B', '', {listed}, {json}, "
            f"'', {json}, '{old}', '{old}' FROM n"
        )
        session.execute(text(f"{into}{numbers} {values}" if app.db.is_sqlite else f"{numbers} {into}{values}"))
        session.execute(text(_carts(app, json, "old", old, "")))
        session.execute(text(_carts(app, json, "due", left, f"LIMIT {DUE}")))


def _carts(app: App, json: str, key: str, at: str, tail: str) -> str:
    ordered = f"'{at}'" if key == "old" else "NULL"
    if not app.db.is_sqlite:
        at, ordered = f"{at}+00", f"CAST({ordered} AS timestamptz)"
    return (
        "INSERT INTO carts (store_id, customer_id, external_id, currency, total, item_count, recovery_url, source, "
        f"created_at, last_activity_at, ordered_at) SELECT store_id, id, '{key}' || id, 'EUR', 1000, 1, '', {json}, "
        f"CAST('{at}' AS {'text' if app.db.is_sqlite else 'timestamptz'}), "
        f"CAST('{at}' AS {'text' if app.db.is_sqlite else 'timestamptz'}), {ordered} FROM customers {tail}"
    )
