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
    most_per_day: int = Field(
        2, ge=0, le=100, description="Most such mails on one day where the customer lives; 0 sets no limit."
    )
    most_per_week: int = Field(
        5, ge=0, le=700, description="Most such mails from a Monday to the Sunday after; 0 sets no limit."
    )
    limits_reminders: bool = Field(
        default=False, description="Reminders count towards the two limits, and are held back by them."
    )
    defer_hours: float = Field(48, ge=0, le=720, description="How long a mail may be put off before it is dropped.")
    quiet_from: time = Field(time(21, 0), description="No mails from this hour on, in the customer's zone.")
    quiet_until: time = Field(time(8, 0), description="Mails may go again from this hour on.")
    recheck_minutes: float = Field(
        15,
        ge=1,
        le=1440,
        description="A mail that has waited this long for its turn to leave is asked again whether it may go.",
    )
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
    lift_days: float = Field(
        30,
        ge=1,
        le=365,
        description="Where mailed and held-out customers are compared, orders this long after their entry count.",
    )
    complaint_days: float = Field(7, ge=1, le=60, description="Complaints are counted over the mails of so many days.")
    complaint_least: int = Field(
        3, ge=1, le=1000, description="Fewer complaints than this never pause a campaign, whatever their share."
    )
    complaint_warn_percent: float = Field(
        0.10, gt=0, le=100, description="From this share of complaints on, a campaign carries a warning."
    )
    complaint_pause_percent: float = Field(
        0.30, gt=0, le=100, description="From this share of complaints on, a campaign is paused."
    )

    @property
    def gap(self) -> timedelta:
        return timedelta(hours=self.gap_hours)

    @property
    def defer(self) -> timedelta:
        return timedelta(hours=self.defer_hours)

    @property
    def recheck(self) -> timedelta:
        return timedelta(minutes=self.recheck_minutes)

    @property
    def catch_up(self) -> timedelta:
        return timedelta(hours=self.catch_up_hours)

    @property
    def complaint_window(self) -> timedelta:
        return timedelta(days=self.complaint_days)

    @property
    def limited(self) -> frozenset[str]:
        """Classes that count towards the limits of a day and a week, and are held back by them."""
        return frozenset({"reminder", "lifecycle", "promotional"} if self.limits_reminders else CAPPED)


CAPPED = frozenset({"lifecycle", "promotional"})
"""Classes that keep the gap between them, and heed what the customer prefers."""
