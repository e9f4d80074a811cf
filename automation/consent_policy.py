"""What a store asks consent for and how the law it is under has it: topics, implied consent, tracking."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from automation.models import Store

Tracking = Literal["off", "aggregate", "individual"]
TRACKING_TOPIC = "tracking"
"""Who withdrew from it is not followed, whatever the store does."""


class Topic(BaseModel):
    """Something that customers may want mails about, or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64, description="What campaigns and the ledger call it.")
    label: str = Field(min_length=1, max_length=200, description="As customers read it.")
    description: str = Field("", max_length=500, description="What they get, and about how often.")


MARKETING = Topic(key="marketing", label="News and offers")


class Rules(BaseModel):
    """What a store decides by a word or a number."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    is_implied: bool = Field(
        default=False,
        description="A purchase or an inquiry counts as consent to marketing for a while (Canada's CASL).",
    )
    purchase_months: int = Field(24, ge=1, le=24, description="Months that a purchase counts as consent.")
    inquiry_months: int = Field(6, ge=1, le=6, description="Months that an inquiry counts as consent.")
    tracking: Tracking = Field(
        "individual",
        description="Clicks and opens: not counted at all, counted without whose they are, or kept for each customer.",
    )
    unconfirmed_days: int = Field(
        30, ge=1, le=365, description="Days after which nothing is kept of a sign-up that nobody confirmed."
    )
    erases_at_once: bool = Field(
        default=True, description="A shop's request to erase a customer is carried out without asking anybody."
    )


class ConsentPolicy(Rules):
    """The rules of one store, product defaults where it has not said otherwise."""

    topics: tuple[Topic, ...] = Field((MARKETING,), min_length=1, max_length=50)
    inquiry_events: tuple[str, ...] = Field(
        ("support.contacted", "inquiry.made"), max_length=20, description="Events that are an inquiry."
    )

    @field_validator("topics")
    @classmethod
    def _once_each(cls, topics: tuple[Topic, ...]) -> tuple[Topic, ...]:
        keys = [topic.key for topic in topics]
        if len(set(keys)) < len(keys) or TRACKING_TOPIC in keys:
            raise ValueError(f"each topic has a key of its own, and none is called {TRACKING_TOPIC}")
        return topics


def of_store(stored: Store | dict[str, Any]) -> ConsentPolicy:
    """The rules of a store, or of what is stored as its `consent`."""
    return ConsentPolicy.model_validate(stored.consent if isinstance(stored, Store) else stored)


def months_later(at: datetime, months: int) -> datetime:
    """So many calendar months later; a day that the month lacks becomes its last."""
    years, month = divmod(at.month - 1 + months, 12)
    year = at.year + years
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))
