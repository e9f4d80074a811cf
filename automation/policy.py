"""A store's sending rules: product defaults, and what the store set otherwise."""

from __future__ import annotations

from datetime import time, timedelta

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """How often and when a store mails."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gap_hours: float = Field(
        16, ge=0, le=720, description="At most one promotional or lifecycle mail per customer in this span."
    )
    defer_hours: float = Field(48, ge=0, le=720, description="How long a mail may be put off before it is dropped.")
    quiet_from: time = Field(time(21, 0), description="No mails from this hour on, in the customer's zone.")
    quiet_until: time = Field(time(8, 0), description="Mails may go again from this hour on.")
    catch_up_hours: float = Field(
        48, ge=1, le=720, description="After downtime, what fell due this long ago still starts."
    )
    holdout_percent: float = Field(
        0,
        ge=0,
        le=50,
        description="This part of the customers gets no lifecycle or promotional mail, to be compared with the others.",
    )
    attribution_days: float = Field(5, ge=0, le=90, description="An order this long after a click counts for the mail.")

    @property
    def gap(self) -> timedelta:
        return timedelta(hours=self.gap_hours)

    @property
    def defer(self) -> timedelta:
        return timedelta(hours=self.defer_hours)

    @property
    def catch_up(self) -> timedelta:
        return timedelta(hours=self.catch_up_hours)
