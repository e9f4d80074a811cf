"""How fast, how much and when a connection sends: what a person set, as far as it differs from the defaults."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from automation.models import Connection


class Pacing(BaseModel):
    """What a mail provider's connection keeps to: its rate, its warm-up, and what it does for other connections."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    per_second: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="Most mails a second (requests, where the provider counts those); empty leaves it to the provider.",
    )
    burst: int | None = Field(None, ge=1, le=100_000, description="Most at once; empty means what one second brings.")

    warm_up: bool = Field(default=False, description="Begin with few mails a day and send more every day.")
    warm_up_on: date | None = Field(None, description="The first day of the warm-up, in the store's zone.")
    warm_first: int = Field(1_000, ge=1, description="Mails to each mailbox provider on the first day.")
    warm_full: int = Field(
        10_000, ge=1, description="Mails to each mailbox provider on the last day of the first part."
    )
    warm_days: int = Field(7, ge=2, le=90, description="Days of the first part.")
    warm_growth: float = Field(1.3, ge=1.01, le=3, description="Every later day takes so many times the mails.")
    warm_ceiling: int = Field(500_000, ge=1, description="A day that would take this many ends the warm-up.")

    use: Literal["off", "share", "stand_in"] = Field(
        "off",
        description="Beside the connection that mails leave through: nothing, a share of the mails, or all of them "
        "while the others are down.",
    )
    weight: int = Field(100, ge=1, le=1000, description="Its share, against the weights of the others that send.")
    order: int = Field(50, ge=0, le=100, description="Of several that could stand in, the smallest is asked first.")
    fail_over_minutes: float = Field(
        5, ge=0, le=1440, description="After it has been down for so long, its mails leave through others."
    )

    @model_validator(mode="after")
    def _grows(self) -> Pacing:
        if self.warm_full < self.warm_first:
            raise ValueError("a warm-up's last day may not take fewer mails than its first")
        return self

    @property
    def fail_over(self) -> timedelta:
        return timedelta(minutes=self.fail_over_minutes)


def pacing_of(row: Connection) -> Pacing:
    """A connection's pacing, defaults filled in."""
    return Pacing.model_validate(row.pacing or {})
