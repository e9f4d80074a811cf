"""How long it takes to move 100,000 enrolments through a step, and to enrol a newsletter's 1,000,000 customers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from automation import collecting
from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from bench.rig import Figure, analyse, installation, lanes
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BATCH = 1000
FLOWS: dict[str, list[dict[str, Any]]] = {
    "a mail and a wait": [
        {"id": "m", "kind": "mail", "settings": {"template": "newsletter"}},
        {"id": "w", "kind": "wait", "settings": {"amount": 1, "unit": "days"}},
        {"id": "n", "kind": "mail", "settings": {"template": "newsletter"}},
    ],
    "a branch and a wait": [
        {"id": "b", "kind": "branch", "settings": {"rule": {"event": "order.placed"}}},
        {"id": "w", "kind": "wait", "settings": {"amount": 1, "unit": "days"}},
        {"id": "n", "kind": "mail", "settings": {"template": "newsletter"}},
    ],
}


def measure(quick: bool) -> Iterator[Figure]:
    """Enrolling everybody, then moving a part of them, on each database."""
    collecting.settle()  # as a worker does
    people, moved = (50_000, 10_000) if quick else (1_000_000, 100_000)
    for lane in lanes():
        limit = 6 if lane == "sqlite" else 20
        for number, (name, flow) in enumerate(FLOWS.items()):
            size = people if number == 0 else moved
            with installation(lane, TurnableClock(NOW)) as app:
                _fill(app, size, flow)
                analyse(app)
                start = stopwatch()
                if enrol(app, NOW, size) != size:
                    raise AssertionError("not everybody was enrolled")
                spent = stopwatch() - start
                if number == 0:
                    target = "" if quick else f"under {limit} s"
                    yield Figure(
                        "advance", f"enrol {size:,} for a newsletter", lane, round(spent, 2), "s", target,
                        None if quick else spent < limit,
                    )  # fmt: skip
                analyse(app)
                spent = _advance(app, moved)
                target = "" if quick else "under 10 s"
                yield Figure(
                    "advance", f"move {moved:,} through {name}", lane, round(spent, 2), "s", target,
                    None if quick else spent < 10,
                    f"{1e6 * spent / moved:.0f} µs each",
                )  # fmt: skip


def _advance(app: App, count: int) -> float:
    start = stopwatch()
    for _ in range(count // BATCH):
        if advance(app, NOW, BATCH) != BATCH:
            raise AssertionError("a batch was not full")
    return stopwatch() - start


def _fill(app: App, size: int, flow: list[dict[str, Any]]) -> None:
    """`size` customers who agreed, and a newsletter that is due now."""
    with app.db.write() as session:
        store = make.store(session)
        trigger = {"kind": "newsletter", "settings": {"send_at": NOW.isoformat()}}
        campaign = make.campaign(app, session, store, "newsletter", trigger=trigger, flow=flow)
        campaign.live_since = NOW - timedelta(hours=1)
        numbers = (
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})"
            if app.db.is_sqlite
            else f"WITH n(i) AS (SELECT generate_series(1, {size}))"
        )
        at = "'2025-11-01 10:00:00.000000'" if app.db.is_sqlite else "CAST('2025-11-01 10:00:00+00' AS timestamptz)"
        json, listed = ("'{}'", "'[]'") if app.db.is_sqlite else ("'{}'::jsonb", "'[]'::jsonb")
        people = (
            "INSERT INTO customers (public_id, store_id, email, email_key, first_name, last_name, phone, tags, "
            "attributes, notes, source, created_at, updated_at) "
        )
        values = (
            f"SELECT 'c' || i, {store.id}, i || '@example.com', i || '@example.com', 'A', 'B', '', {listed}, {json}, "
            f"'', {json}, {at}, {at} FROM n"
        )
        session.execute(text(f"{people}{numbers} {values}" if app.db.is_sqlite else f"{numbers} {people}{values}"))
        # One line of the ledger stands for all: only the state is read here.
        line = make.customer(session, store, "Ledger", erased_at=NOW)
        consent = session.execute(text("SELECT max(id) FROM consents")).scalar_one()
        session.execute(
            text(
                "INSERT INTO consent_states (customer_id, topic, store_id, status, at, consent_id) "
                f"SELECT id, 'marketing', store_id, 'granted', {at}, {consent} FROM customers WHERE id <> {line.id}"
            )
        )
