"""What customers are worth and who they are: scores by customer, the models behind them, and personas.

Scores and models can be thrown away and worked out again. The formulas stand in `automation.insights.value`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Money, Record, one_of


class CustomerScore(Record):
    """What is expected of a customer, as of `scored_at`; one row each."""

    __tablename__ = "customer_scores"
    __table_args__ = (
        # What is due, first of all; rows that nothing will change have no date and no place in it.
        Index("ix_customer_scores_due_at", "due_at"),
        Index("ix_customer_scores_store_id_rfm_group", "store_id", "rfm_group"),
        Index("ix_customer_scores_store_id_next_order_at", "store_id", "next_order_at"),
    )

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    recency: Mapped[int | None]
    """1 to 5, 5 the best; None for who never bought. So with the next two."""
    frequency: Mapped[int | None]
    monetary: Mapped[int | None]
    rfm_group: Mapped[str | None] = mapped_column(String(64))
    """One of `automation.insights.value.rfm.GROUPS`."""
    expected_orders: Mapped[float | None] = mapped_column(Float)
    """Within the store's horizon."""
    lifetime_value: Mapped[Money | None]
    """What they are expected to pay within the horizon, in minor units of the store's currency."""
    alive: Mapped[float | None] = mapped_column(Float)
    """The probability that they will buy again at all, 0 to 1."""
    next_order_at: Mapped[datetime | None]
    """By when they will have bought as probably as not; None where that is not to be expected."""
    lead_score: Mapped[int] = mapped_column(default=0)
    model_id: Mapped[int | None] = mapped_column(BigInt)
    """The model that it was worked out by."""
    scored_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    """When to work it out again; None until something happens."""


class ValueModel(Record):
    """What was fitted to a store's customers at one time, with what it was fitted to."""

    __tablename__ = "value_models"
    __table_args__ = (
        one_of("method", "bg_nbd", "cohorts"),
        Index("ix_value_models_store_id_fitted_at", "store_id", "fitted_at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    fitted_at: Mapped[datetime]
    method: Mapped[Code]
    """bg_nbd (with Gamma-Gamma), or cohorts where there are too few data."""
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why it is cohorts."""
    buyers: Mapped[int]
    repeaters: Mapped[int]
    """Buyers who bought at least twice."""
    sampled: Mapped[int]
    """Buyers that were looked at."""
    first_order_at: Mapped[datetime | None]
    figures: Mapped[dict[str, Any]] = mapped_column(Json)
    """Parameters, averages, cohorts and thresholds: `automation.insights.value.model.Figures`."""


class ValueSettings(Record):
    """What a store chose about values and scores."""

    __tablename__ = "value_settings"

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True, autoincrement=False)
    horizon_days: Mapped[int] = mapped_column(default=365)
    thresholds: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """{"recency": [four numbers], …}: those that stand instead of the store's quantiles."""
    lead_lines: Mapped[list[Any] | None] = mapped_column(Json)
    """`automation.insights.value.lead.Line` each; None is the usual ones."""
    updated_at: Mapped[datetime]


class Persona(Record):
    """A segment with a face: described by a person, portrayed from data."""

    __tablename__ = "personas"
    __table_args__ = (UniqueConstraint("store_id", "segment_id"),)

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    segment_id: Mapped[int] = mapped_column(BigInt, ForeignKey("segments.id"))
    name: Mapped[str] = mapped_column(String(100))
    colour: Mapped[Code] = mapped_column(default="blue")
    """Of its picture: one of `automation.actions.personas.Colour`."""
    story: Mapped[str] = mapped_column(Text, default="")
    goals: Mapped[str] = mapped_column(Text, default="")
    frustrations: Mapped[str] = mapped_column(Text, default="")
    portrait: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """`automation.insights.personas.portrait.Portrait`; empty until it was worked out."""
    portrayed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
