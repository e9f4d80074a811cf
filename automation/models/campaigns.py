"""Campaigns, their immutable versions, and customers' places in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of

ENROLMENT_STATES = ("active", "finished", "exited", "converted", "held")
"""On its way; through all steps; left before; reached the goal; held out, to be compared with the others."""


class Campaign(Record):
    """A rule-based mailing: what it is now, and which of its versions is live."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("store_id", "name"),
        one_of("state", "draft", "live", "paused", "stopping", "finished", "archived"),
        Index("ix_campaigns_state", "state"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[Code] = mapped_column(default="draft")
    state_reason: Mapped[str] = mapped_column(String(500), default="")
    draft: Mapped[dict[str, Any]] = mapped_column(Json)
    """The definition being edited; `automation.campaigns.Definition` as JSON. Publishing freezes it as a version."""
    live_version_id: Mapped[int | None] = mapped_column(BigInt)
    live_since: Mapped[datetime | None]
    """Nothing that was due before this instant enrols anybody."""
    enrolled_at: Mapped[datetime | None]
    """Set when the trigger can never be due again (a one-off newsletter that has gone out): no more sweeps."""
    swept_at: Mapped[datetime | None]
    """What falls due for everybody at once and did so until here has gone out: it is asked about no more."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CampaignVersion(Record):
    """A published definition. Never changed: enrolments and messages refer to it."""

    __tablename__ = "campaign_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    number: Mapped[int]
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))


class DraftRevision(Record):
    """A draft as it was before a change, to go back to; or, once gone back, as it was after it."""

    __tablename__ = "draft_revisions"
    __table_args__ = (Index("ix_draft_revisions_campaign_id", "campaign_id", "is_undone", "id"),)

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    is_undone: Mapped[bool] = mapped_column(default=False)
    """True for what "redo" brings back."""
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]


class Enrolment(Record):
    """One customer's place in one version for one key. The unique key is what makes a trigger fire at most once."""

    __tablename__ = "enrolments"
    __table_args__ = (
        UniqueConstraint("campaign_id", "customer_id", "key"),
        one_of("state", *ENROLMENT_STATES),
        Index(
            "ix_enrolments_due_at",
            "campaign_id",
            "due_at",
            postgresql_where=text("state = 'active'"),
            sqlite_where=text("state = 'active'"),
        ),
        Index(
            "ix_enrolments_waiting",
            "campaign_id",
            "step_id",
            postgresql_where=text("state = 'active'"),
            sqlite_where=text("state = 'active'"),
        ),
        Index(
            "ix_enrolments_waits_for",
            "customer_id",
            "waits_for",
            postgresql_where=text("waits_for IS NOT NULL"),
            sqlite_where=text("waits_for IS NOT NULL"),
        ),
        Index("ix_enrolments_customer_id", "customer_id", "entered_at"),
        Index("ix_enrolments_campaign_id_entered_at", "campaign_id", "entered_at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt)
    campaign_id: Mapped[int] = mapped_column(BigInt)
    """The version's. Its key holds the campaign and the customer's the store: no need to look those up for each row."""
    version_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaign_versions.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    key: Mapped[str] = mapped_column(String(160))
    """What makes this occurrence one of its kind: the cart, the year, the newsletter's date."""
    subject_id: Mapped[int | None] = mapped_column(BigInt)
    """The row that the trigger watches: a cart's, an order's, a due item's id."""
    anchor_at: Mapped[datetime]
    """When it happened: the cart was left, the day came. Conditions that say "since" count from here."""
    state: Mapped[Code] = mapped_column(default="active")
    step_id: Mapped[str | None] = mapped_column(String(64))
    """The step to take next; None before the first."""
    due_at: Mapped[datetime]
    """When to take it."""
    visits: Mapped[int] = mapped_column(default=0)
    """Steps taken so far: a guard against loops."""
    round: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    """Goes up where the flow says that what was done shall be done again; part of every key of what is done once."""
    jumps: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """How often it went back from each go-to step."""
    arrived_at: Mapped[datetime | None]
    """When it came to the step at which it stays; None where it is on its way to the next."""
    waits_for: Mapped[str | None] = mapped_column(String(128))
    """The event that wakes it before `due_at`; see `automation.waking`."""
    goes_on_at: Mapped[datetime | None]
    """When it takes its step where an event wakes it before only to see whether its goal is reached."""
    goal_at: Mapped[datetime | None]
    """When it reached the campaign's goal."""
    entered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    exit_reason: Mapped[str] = mapped_column(String(200), default="")


class ArmPick(Record):
    """Which arm of a split an enrolment went into; the first time, if it came by again."""

    __tablename__ = "arm_picks"
    __table_args__ = (Index("ix_arm_picks_campaign_id_step_id", "campaign_id", "step_id", "picked_at"),)

    enrolment_id: Mapped[int] = mapped_column(BigInt, ForeignKey("enrolments.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    arm: Mapped[Code]
    picked_at: Mapped[datetime]


class Trial(Record):
    """A test between the arms of one step: since when, and how it was decided."""

    __tablename__ = "trials"

    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime]
    """People who were picked before do not count: the test was changed since."""
    checked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    winner: Mapped[str | None] = mapped_column(String(64))
    """None on a decided trial: no difference was found, and nobody was to be taken for the best all the same."""
    is_proven: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The winner is better than all others; otherwise it was ahead when the time was over, and no more is known."""
    figures: Mapped[list[Any]] = mapped_column(Json, default=list)
    """What the decision rests on, arm by arm."""


class Conversion(Record):
    """An order that is attributed to a mail, and by which click."""

    __tablename__ = "conversions"
    __table_args__ = (
        Index("ix_conversions_campaign_id_at", "campaign_id", "at"),
        Index("ix_conversions_store_id_at", "store_id", "at"),
    )

    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    campaign_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    message_id: Mapped[int] = mapped_column(BigInt, ForeignKey("messages.id"))
    event_id: Mapped[int | None] = mapped_column(BigInt)
    """The very hit that it counts for."""
    kind: Mapped[Code] = mapped_column(default="click", server_default="click")
    """click; or open, where the store lets opens count and nobody clicked."""
    link: Mapped[int | None]
    """Number of the clicked link in the template version."""
    clicked_at: Mapped[datetime]
    at: Mapped[datetime]
    """When the order was placed."""


class Cursor(Record):
    """How far an incremental stage has read a table."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(BigInt, default=0)
    at: Mapped[datetime]
