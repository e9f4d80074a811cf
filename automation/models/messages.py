"""Messages, and everything that is known about why and how each left or did not.

draft → ready → claimed(lease, fence) → submitting → accepted → delivered | bounced | complained
  │                                        ├→ retry (throttled, unavailable)
  └→ dropped                               ├→ rejected (never again)
                                           ├→ unknown (the request left, no answer came)
                                           └→ parked (it killed its worker three times, or cannot be rendered)
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of

CLASSES = ("transactional", "reminder", "lifecycle", "promotional")
"""A message's class; its index is its rank: smaller goes first."""
STATES = (
    "draft",
    "ready",
    "claimed",
    "submitting",
    "accepted",
    "delivered",
    "bounced",
    "complained",
    "retry",
    "rejected",
    "unknown",
    "dropped",
    "parked",
)
SENT = ("accepted", "delivered", "bounced", "complained")
"""States of a message that a provider has taken."""
IN_FLIGHT = ("claimed", "submitting")
COUNTED = ("ready", "claimed", "submitting", "retry", "unknown", *SENT)
"""States that count against a customer's frequency cap: sent, about to be, or perhaps sent."""


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Message(Record):
    """One mail to one customer, from its draft on."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("enrolment_id", "step_id", "round"),
        one_of("state", *STATES),
        one_of("mail_class", *CLASSES),
        CheckConstraint("state NOT IN ('dropped', 'rejected', 'parked') OR reason <> ''", name="has_reason"),
        # By rank first: a receipt does not wait behind a newsletter to a million.
        Index("ix_messages_draft", "rank", "due_at", **_where("state = 'draft'")),
        Index("ix_messages_waiting", "customer_id", **_where("state IN ('draft', 'ready', 'retry')")),
        # The id too: a newsletter's are all due at one instant, and would be sorted anew for every batch.
        Index("ix_messages_ready", "store_id", "rank", "due_at", "id", **_where("state IN ('ready', 'retry')")),
        Index("ix_messages_leased", "lease_until", **_where("state IN ('claimed', 'submitting')")),
        Index("ix_messages_unknown", "due_at", **_where("state = 'unknown'")),
        Index(
            "ix_messages_attempt_id",
            "attempt_id",
            **_where("attempt_id IS NOT NULL AND state IN ('submitting', 'unknown')"),
        ),
        Index("ix_messages_customer_id_created_at", "customer_id", "created_at"),
        Index("ix_messages_campaign_id_state", "campaign_id", "state"),
        Index("ix_messages_store_id_accepted_at", "store_id", "accepted_at", **_where("accepted_at IS NOT NULL")),
        Index("ix_messages_provider_id", "connection_id", "provider_id", **_where("provider_id IS NOT NULL")),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    """Random; travels in the provider's metadata and in links' tokens. Never reused, also after a restore."""
    store_id: Mapped[int] = mapped_column(BigInt)
    """The customer's, whose key holds it."""
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    campaign_id: Mapped[int | None] = mapped_column(BigInt)
    """The version's, whose key holds it; neither on a mail that no campaign sends."""
    version_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("campaign_versions.id"))
    enrolment_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("enrolments.id"))
    step_id: Mapped[str | None] = mapped_column(String(64))
    round: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    """The enrolment's when it came to the step: the same mail twice only where the flow says "again"."""
    template_version_id: Mapped[int] = mapped_column(BigInt, ForeignKey("template_versions.id"))
    mail_class: Mapped[Code]
    rank: Mapped[int] = mapped_column(SmallInteger)
    """Index of `mail_class` in CLASSES."""
    priority: Mapped[int] = mapped_column(SmallInteger, default=50)
    """Of the campaign, 0 to 100; higher wins within a class."""
    topic: Mapped[Code] = mapped_column(default="marketing")
    subject_id: Mapped[int | None] = mapped_column(BigInt)
    """The enrolment's: which cart, order or due item the mail is about."""
    is_test: Mapped[bool] = mapped_column(default=False)
    state: Mapped[Code] = mapped_column(default="draft")
    reason: Mapped[str] = mapped_column(String(64), default="")
    """Code of the last decision or outcome; never empty on a message that will not be sent."""
    reason_detail: Mapped[str] = mapped_column(String(1000), default="")
    due_at: Mapped[datetime]
    """When to look at it next: draft → decide, ready and retry → deliver, unknown → find out."""
    expires_at: Mapped[datetime | None]
    """After this it is not worth sending."""
    stale_at: Mapped[datetime | None]
    """From this instant on the arbiter has to be asked again before it leaves; None where it need not be."""
    connection_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("connections.id"))
    warm_on: Mapped[date | None]
    """The day of the connection's warm-up on which it has a place, if it needs one."""
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    """Goes up at every claim; a worker that lost its lease cannot write with an old one."""
    kills: Mapped[int] = mapped_column(SmallInteger, default=0)
    """How many workers died holding it; at three it is parked."""
    attempt_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    attempt_id: Mapped[int | None] = mapped_column(BigInt)
    """The last request it travelled in."""
    provider_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    complained_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    """First open by a person, as far as can be told."""
    clicked_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]


class Rendering(Record):
    """What a message was made of: with its template version this gives the mail again, byte for byte."""

    __tablename__ = "renderings"

    message_id: Mapped[int] = mapped_column(BigInt, ForeignKey("messages.id"), primary_key=True, autoincrement=False)
    to_email: Mapped[str] = mapped_column(String(320))
    variables: Mapped[dict[str, Any]] = mapped_column(Json)
    payload_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 over sender, recipient, subject, headers, text and HTML; checked before every later attempt."""
    rendered_at: Mapped[datetime]


class Attempt(Record):
    """One request to a provider: which messages, in which order, under which idempotency key, and what came back."""

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("state", "open", "accepted", "partial", "refused", "later", "misconfigured", "unsure", "abandoned"),
        Index("ix_attempts_open", "started_at", **_where("state = 'open'")),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """The idempotency key, for providers that know one."""
    message_ids: Mapped[list[Any]] = mapped_column(Json)
    """Ordered: a replay must be the same batch."""
    state: Mapped[Code] = mapped_column(default="open")
    detail: Mapped[str] = mapped_column(String(1000), default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Decision(Record):
    """What the arbiter said of a draft, and the facts it saw. Never changed."""

    __tablename__ = "decisions"
    __table_args__ = (
        one_of("outcome", "go", "defer", "drop"),
        Index("ix_decisions_message_id", "message_id"),
        Index("ix_decisions_customer_id_at", "customer_id", "at"),
        Index("ix_decisions_campaign_id_at", "campaign_id", "at"),
    )

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(BigInt, ForeignKey("messages.id"))
    customer_id: Mapped[int] = mapped_column(BigInt)
    """The message's when it was decided on, whose keys hold it and the campaign's: no need to look them up again."""
    campaign_id: Mapped[int | None] = mapped_column(BigInt)
    outcome: Mapped[Code]
    reason: Mapped[Code]
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    until: Mapped[datetime | None]
    at: Mapped[datetime]


class MessageEvent(Record):
    """What came back about a message, raw: from its provider, or from our own click, open and unsubscribe doors."""

    __tablename__ = "message_events"
    __table_args__ = (
        UniqueConstraint("external_id"),
        Index("ix_message_events_message_id", "message_id", "at"),
        Index("ix_message_events_type_at", "type", "at"),
    )

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(BigInt, ForeignKey("messages.id"))
    type: Mapped[Code]
    """accepted, delivered, deferred, soft_bounce, hard_bounce, rejected, complaint, open, click, unsubscribe …"""
    at: Mapped[datetime]
    external_id: Mapped[str] = mapped_column(String(200))
    """The provider's id of the event with the connection's before it; told twice, kept once."""
    reason: Mapped[str] = mapped_column(String(1000), default="")
    is_policy: Mapped[bool] = mapped_column(default=False)
    """The receiver objected to the sender; such bounces never count against the address."""
    link: Mapped[int | None]
    """Number of the clicked link in the template version."""
    url: Mapped[str] = mapped_column(String(2000), default="")
    agent: Mapped[str] = mapped_column(String(500), default="")
    ip: Mapped[str] = mapped_column(String(64), default="")
    is_machine: Mapped[bool] = mapped_column(default=False)
    """Our verdict, kept beside the raw hit and reversible; see `automation.insights.hits`."""
    machine_reason: Mapped[Code] = mapped_column(default="", server_default="")
    """Why it is a machine's: told, agent, burst, hidden_link, by_hand."""
    told: Mapped[Code] = mapped_column(default="", server_default="")
    """What came with the hit: prefetch (the browser's word), provider (its verdict), earlier (an older release's)."""
    ruling: Mapped[Code] = mapped_column(default="", server_default="")
    """What an admin ruled, person or machine; it stands above everything else."""
    recorded_at: Mapped[datetime]
