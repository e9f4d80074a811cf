"""Is the machine alive? Told by what it writes down, not by what it believes: heartbeats and the oldest waiting row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from automation.due import longest_due
from automation.models import CLASSES, Heartbeat, InboundWebhook, Message, Store

# Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
_READY = text("messages.state IN ('ready', 'retry')")


@dataclass(frozen=True, slots=True)
class Health:
    """Ages in seconds; nothing waits longer than its age says."""

    heartbeats: dict[str, float] = field(default_factory=dict)
    """How long ago each loop last went round."""
    waiting: dict[str, float] = field(default_factory=dict)
    """For each kind of work with something overdue, how long ago its oldest row fell due."""

    @property
    def is_beating(self) -> bool:
        """Whether any loop went round in the last minute; False on an installation without a worker."""
        return bool(self.heartbeats) and min(self.heartbeats.values()) <= 60

    @property
    def oldest(self) -> float | None:
        return max(self.waiting.values(), default=None)


def look(session: Session, now: datetime) -> Health:
    """Read the signs of life, each from an index."""
    oldest = {
        "webhooks": select(InboundWebhook.received_at)
        .where(InboundWebhook.state == "received")
        .order_by(InboundWebhook.id)
        .limit(1),
        "enrolments": longest_due(now),
        "drafts": select(func.min(Message.due_at)).where(Message.state == "draft", Message.due_at <= now),
        "unknown": select(func.min(Message.due_at)).where(Message.state == "unknown", Message.due_at <= now),
    }
    found = {name: session.scalar(query) for name, query in oldest.items()}
    found["ready"] = _oldest_ready(session, now)
    return Health(
        heartbeats={name: _age(at, now) for name, at in session.execute(select(Heartbeat.name, Heartbeat.at))},
        waiting={name: _age(at, now) for name, at in found.items() if at is not None},
    )


def _oldest_ready(session: Session, now: datetime) -> datetime | None:
    """Each store's and class's oldest stands first in the index: a million waiting mails cost no more than one."""
    heads = [
        select(Message.due_at)
        .where(Message.store_id == Store.id, Message.rank == rank, _READY, Message.due_at <= now)
        .order_by(Message.due_at)
        .limit(1)
        .scalar_subquery()
        for rank in range(len(CLASSES))
    ]
    found = [at for row in session.execute(select(*heads).select_from(Store)) for at in row if at is not None]
    return min(found, default=None)


def _age(at: datetime, now: datetime) -> float:
    return round(max((now - at).total_seconds(), 0.0), 3)
