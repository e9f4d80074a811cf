"""Figures for Prometheus, in its text format.

What is queued is counted in the tables, each kind from an index that holds nothing else, so that a look costs what
waits and not what was ever sent. What happened is counted by each worker and left with its heartbeat. So any web
process of many can answer. The format is a few lines of text: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from automation import health
from automation.models import (
    Attempt,
    Campaign,
    Connection,
    Enrolment,
    Heartbeat,
    InboundWebhook,
    Installation,
    Lease,
    Message,
    Notice,
)

MOST = 10_000
"""Parked mails beyond so many are not counted further: somebody should look at the first."""
COUNTED: Mapping[str, tuple[str, str]] = {
    "sends": ("verdict", "Mails of answered requests to providers."),
    "render_errors": ("reason", "Mails that could not be rendered."),
    "stage_seconds": ("stage", "Seconds that a stage of the belt has worked."),
    "stage_runs": ("stage", "Times that a stage of the belt was called."),
    "stage_rows": ("stage", "Rows that a stage of the belt has moved."),
    "stage_failures": ("stage", "Times that a stage of the belt failed."),
}
"""What workers count, by its name in `Counts`: the label, and what it is."""

# Spelt as the partial indexes spell it, or they would not be used.
_QUEUES = {
    "draft": "messages.state = 'draft'",
    "ready": "messages.state IN ('ready', 'retry')",
    "in_flight": "messages.state IN ('claimed', 'submitting')",
    "unknown": "messages.state = 'unknown'",
}


@dataclass(slots=True)
class Family:
    """One figure under all its labels."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """One more sample; nothing for None."""
        if value is not None:
            self.samples.append((labels, value))


def families(session: Session, now: datetime) -> list[Family]:
    """Every figure, with a fixed number of statements."""
    return [*_queues(session, now), *_totals(session), *_signs_of_life(session, now), *_counted(session)]


def _queues(session: Session, now: datetime) -> Iterator[Family]:
    depth = Family("cartwheel_messages", "gauge", "Mails on the belt, by state.")
    for name, condition in _QUEUES.items():
        depth.add(session.scalar(select(func.count()).select_from(Message).where(text(condition))), state=name)
    parked = (
        select(Message.id)
        .join(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.state == "parked")
        .limit(MOST)
        .subquery()
    )
    depth.add(session.scalar(select(func.count()).select_from(parked)), state="parked")
    yield depth
    due = Family("cartwheel_enrolments_due", "gauge", "Customers in campaigns whose next step is due.")
    due.add(
        session.scalar(
            select(func.count()).select_from(Enrolment).where(Enrolment.state == "active", Enrolment.due_at <= now)
        )
    )
    yield due
    hooks = Family("cartwheel_webhooks_waiting", "gauge", "Webhooks that were kept and not read yet.")
    hooks.add(
        session.scalar(
            select(func.count()).where(text("inbound_webhooks.state = 'received'")).select_from(InboundWebhook)
        )
    )
    yield hooks
    notices = Family("cartwheel_notices_open", "gauge", "Notices that nobody has seen to.")
    notices.add(session.scalar(select(func.count()).select_from(Notice).where(Notice.read_at.is_(None))))
    yield notices


def _totals(session: Session) -> Iterator[Family]:
    """The newest row's number: about how many there ever were, without counting them."""
    for name, model, words in (
        ("cartwheel_webhooks_received_total", InboundWebhook, "Webhooks kept since the installation began."),
        ("cartwheel_messages_drafted_total", Message, "Mails drafted since the installation began."),
        ("cartwheel_requests_total", Attempt, "Requests to providers since the installation began."),
    ):
        family = Family(name, "counter", words)
        family.add(session.scalar(select(func.max(model.id))) or 0)
        yield family


def _signs_of_life(session: Session, now: datetime) -> Iterator[Family]:
    looked = health.look(session, now)
    age = Family("cartwheel_heartbeat_age_seconds", "gauge", "How long ago a loop last went round.")
    for name, seconds in looked.heartbeats.items():
        age.add(seconds, loop=name)
    yield age
    oldest = Family("cartwheel_oldest_due_seconds", "gauge", "How long the oldest row of a kind has been due.")
    for name, seconds in looked.waiting.items():
        oldest.add(seconds, queue=name)
    yield oldest
    leader = Family("cartwheel_leader", "gauge", "Term of who leads; none while nobody does.")
    for lease in session.scalars(select(Lease).where(Lease.until > now)):
        leader.add(lease.term, lease=lease.name, holder=lease.holder)
    yield leader
    paused = Family("cartwheel_paused", "gauge", "1 while all sending is paused.")
    paused.add(float(bool(session.scalar(select(Installation.is_paused)))))
    yield paused
    states = Family("cartwheel_connections", "gauge", "Connections to shops and providers, by state.")
    for state, count in session.execute(select(Connection.state, func.count()).group_by(Connection.state)):
        states.add(count, state=state)
    yield states


def _counted(session: Session) -> Iterator[Family]:
    details = [d for d in session.scalars(select(Heartbeat.detail)) if isinstance(d, dict) and "counts" in d]
    for name, (label, words) in COUNTED.items():
        family = Family(f"cartwheel_{name}_total", "counter", words)
        for detail in details:
            sums: dict[str, Any] = detail["counts"].get(name, {})
            for value, amount in sorted(sums.items()):
                family.add(float(amount), **{label: value, "process": str(detail.get("process", ""))})
        yield family


def written(found: list[Family]) -> str:
    """Prometheus' text format, version 0.0.4."""
    lines = []
    for family in found:
        if family.samples:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            named = ",".join(f'{name}="{_escaped(given)}"' for name, given in labels.items())
            lines.append(f"{family.name}{{{named}}} {value!r}" if named else f"{family.name} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
