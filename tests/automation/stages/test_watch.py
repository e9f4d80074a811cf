"""Campaigns that are called spam too often are warned about, then paused, and a person can resume them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from automation.actions import campaigns
from automation.app import App
from automation.concerns import concerns
from automation.models import AuditEntry, Campaign, MessageEvent, Store
from automation.stages.watch import watch
from tests import make
from tests.conftest import NOW


def mailed(app: App, sent: int, complaints: int) -> None:
    """A live campaign with so many mails of yesterday, some of which were called spam."""
    at = NOW - timedelta(days=1)
    with app.db.write() as session:
        store = make.store(session)
        campaign, person = make.campaign(app, session, store), make.customer(session, store)
        for i in range(sent):
            row = make.message(session, person, state="delivered", campaign_id=campaign.id, accepted_at=at)
            if i < complaints:
                session.add(
                    MessageEvent(message_id=row.id, type="complaint", at=NOW, external_id=f"e{i}", recorded_at=NOW)
                )


def campaign(app: App) -> Campaign:
    with app.db.read() as session:
        return session.scalars(select(Campaign)).one()


@pytest.mark.parametrize(
    ("sent", "complaints", "state", "is_spoken_of"),
    [(10, 1, "live", False), (60, 2, "live", True), (60, 3, "paused", True)],
    ids=["one complaint says nothing", "two are a warning", "three of sixty pause"],
)
def test_complaints_warn_and_then_pause(
    app: App, sent: int, complaints: int, state: str, *, is_spoken_of: bool
) -> None:
    mailed(app, sent, complaints)
    assert watch(app, NOW, 100) == int(is_spoken_of)
    assert campaign(app).state == state
    assert bool(campaign(app).state_reason) == is_spoken_of
    with app.db.read() as session:
        store = session.scalars(select(Store)).one()
        told = [c.text for c in concerns(session, store, NOW) if c.key == "campaign"]
        noted = session.scalars(select(AuditEntry.action).where(AuditEntry.detail["reason"].is_not(None))).all()
    assert len(told) == int(is_spoken_of)
    if is_spoken_of:
        assert f"{complaints} of {sent} mails" in told[0]
        assert ("campaign.paused" if state == "paused" else "campaign.warned") in noted


def test_it_looks_once_a_minute(app: App) -> None:
    watch(app, NOW, 100)
    mailed(app, 60, 3)
    assert watch(app, NOW + timedelta(seconds=30), 100) == 0
    assert watch(app, NOW + timedelta(seconds=60), 100) == 1


def test_a_campaign_that_a_person_resumed_is_counted_anew(app: App) -> None:
    mailed(app, 60, 3)
    watch(app, NOW, 100)
    with app.db.write() as session:
        campaigns.resume(session, session.scalars(select(Campaign)).one(), NOW)
    assert watch(app, NOW + timedelta(minutes=2), 100) == 0
    assert campaign(app).state == "live"


def test_no_table_that_grows_is_read_from_end_to_end(app: App) -> None:
    mailed(app, 60, 3)
    asked: list[tuple[str, Any]] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    assert watch(app, NOW, 100) == 1
    looks = [(text, values) for text, values in asked if "FROM message" in text]
    assert len(looks) == 2, "complaints, and the mails of campaigns that have some"
    with app.db.read() as session:
        cursor = session.connection().connection.cursor()
        if not app.db.is_sqlite:
            cursor.execute("SET LOCAL enable_seqscan = off")
        plans = []
        for text, values in looks:
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if app.db.is_sqlite else ''}{text}", values)
            plans.append(" ".join(str(part) for row in cursor.fetchall() for part in row))
    assert all("SCAN message" not in plan and "Seq Scan on message" not in plan for plan in plans), plans
    assert "ix_message_events_type_at" in plans[0]
    # Among so few mails PostgreSQL may prefer the campaign's index: which one depends on its figures.
    wanted = ("ix_messages_store_id_accepted_at", "ix_messages_campaign_id_state")
    assert any(name in plans[1] for name in (wanted[:1] if app.db.is_sqlite else wanted)), plans
