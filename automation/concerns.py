"""What of a store needs a person: what stands still, what is broken, what failed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, func, literal, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from automation.insights.recommendations import checking
from automation.insights.value import checking as value_checking
from automation.models import Campaign, Connection, Feed, Heartbeat, InboundWebhook, Job, Message, Store

RECENT = 5000
"""Failures are looked for among so many of the newest rows."""
FAILING_FEED = 5
"""Failures in a row after which a feed needs a person."""
SILENT = timedelta(minutes=2)
"""A worker that has not been heard of for so long is taken to be down."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should look at."""

    key: str
    """connection, campaign, webhooks, feed, recommendations, values, unknown, parked or worker."""
    text: str
    object_id: str = ""


def concerns(session: Session, store: Store, now: datetime) -> list[Concern]:
    """What needs a person, the gravest first; two statements."""
    counts = session.execute(_counts(now)).one()
    named = session.execute(_named(store.id)).all()
    found: list[Concern] = []
    if not counts.turning and (counts.beat is None or now - counts.beat > SILENT):
        found.append(Concern("worker", "The worker is not running: nothing is decided on or sent."))
    for row in _of_kind(named, "connection"):
        found.append(Concern("connection", f"{row.name} is broken: {row.text or 'no reason given'}", row.public_id))
    for row in _of_kind(named, "campaign"):
        found.append(Concern("campaign", f"{row.name}: {row.text}", row.public_id))
    if counts.failed:
        found.append(Concern("webhooks", f"{_of(counts.failed, 'webhook')} of the latest could not be read."))
    if counts.unsure:
        found.append(Concern("unknown", f"{_of(counts.unsure, 'mail')} left, but the provider's answer never came."))
    for row in _of_kind(named, "feed"):
        found.append(Concern("feed", f"The feed {row.name}: {row.text}", row.public_id))
    if counts.wrong:
        words = f"{_of(counts.wrong, 'count')} behind the recommendations were wrong. They were put right."
        found.append(Concern("recommendations", words))
    if counts.differing:
        words = f"What was stored of {_of(counts.differing, 'customer')} differed from their orders. It is put right."
        found.append(Concern("values", words))
    if counts.parked:
        words = f"{_of(counts.parked, 'mail')} could not be rendered or killed their worker, and were put aside."
        found.append(Concern("parked", words))
    return found


def _counts(now: datetime) -> Select[Any]:
    """What is a number or a yes of the whole installation."""
    turning = select(Job.id).where(Job.kind == "fast_forward", Job.state == "running").exists()
    unknown: ColumnElement[bool] = literal_column("messages.state = 'unknown'")
    return select(
        turning.label("turning"),
        select(func.max(Heartbeat.at)).scalar_subquery().label("beat"),
        _among_the_newest(InboundWebhook, "failed").label("failed"),
        select(func.count()).select_from(Message).where(unknown).scalar_subquery().label("unsure"),
        _among_the_newest(Message, "parked").label("parked"),
        checking.NIGHTLY.count(now).label("wrong"),
        value_checking.NIGHTLY.count(now).label("differing"),
    )


def _among_the_newest(model: Any, state: str) -> ScalarSelect[int]:
    newest = select(model.state).order_by(model.id.desc()).limit(RECENT).subquery()
    return select(func.count()).select_from(newest).where(newest.c.state == state).scalar_subquery()


def _named(store_id: int) -> Any:
    """What has a name and a page: broken connections, campaigns that somebody should hear of, feeds that fail."""

    def those(kind: str, model: Any, name: Any, said: Any) -> Select[Any]:
        columns = (literal(kind).label("kind"), model.id, name.label("name"), said.label("text"), model.public_id)
        return select(*columns).where(model.store_id == store_id)

    broken = those("connection", Connection, Connection.name, Connection.state_reason).where(
        Connection.state == "broken"
    )
    spoken_of = those("campaign", Campaign, Campaign.name, Campaign.state_reason).where(
        Campaign.state.in_(("live", "stopping", "paused")), Campaign.state_reason != ""
    )
    stopped = those("feed", Feed, Feed.title, Feed.message).where(
        or_(Feed.state == "stopped", Feed.failures >= FAILING_FEED), Feed.state != "paused"
    )
    found = union_all(broken, spoken_of, stopped).subquery()
    return select(found).order_by(found.c.id)


def _of_kind(rows: Any, kind: str) -> list[Row[Any]]:
    return [row for row in rows if row.kind == kind]


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
