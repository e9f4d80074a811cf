"""What an offer is worth, until when, and who may have it how often: the form that an admin fills in."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from automation.offers.codes import clean
from automation.times import DAY, MIDNIGHT, instant, local_date, zone

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class Guard(BaseModel):
    """Who goes without the offer, so that discounts reach those who need one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    most: int = Field(1, ge=0, le=100, description="Offers of this store per customer and period; 0 means no limit.")
    period_days: int = Field(30, ge=1, le=730, description="The period's days.")
    serial_after: int = Field(
        2,
        ge=0,
        le=100,
        description="Whoever left a cart and then bought with its code this often within a year gets no more codes "
        "for carts; 0 turns this off.",
    )
    least_margin: int = Field(
        0,
        ge=0,
        le=99,
        description="Percent that must be left of what is in the cart after discount and cost, where all costs are "
        "known; 0 turns this off.",
    )

    @property
    def period(self) -> timedelta:
        return timedelta(days=self.period_days)


class Terms(BaseModel):
    """An offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="What flows and rewards call it.")
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="As mails show it: “10 % off your next order”."
    )
    kind: Literal["percent", "amount", "shipping"] = Field("percent", description="What it takes off.")
    value: int = Field(10, ge=0, le=10**12, description="Percent, or an amount in minor units: 500 is €5.00.")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field("EUR", description="Three letters.")
    minimum: int | None = Field(None, ge=0, le=10**12, description="Minor units that the order must come to.")
    ends_at: AwareDatetime | None = Field(None, description="No code is good after this.")
    valid_days: int | None = Field(None, ge=1, le=3650, description="Whole days that a customer has to use the code.")
    supply: Literal["shared", "pool", "shop"] = Field(
        "pool", description="One code for everybody, your own codes, or codes that the shop makes."
    )
    shared_code: Annotated[str, StringConstraints(max_length=64)] = Field("", description="The code for everybody.")
    prefix: Annotated[str, StringConstraints(max_length=16)] = Field("", description="Generated codes begin with it.")
    keep_ahead: int = Field(200, ge=1, le=10_000, description="Free codes to keep in stock, made by the shop.")
    low_stock: int = Field(50, ge=0, le=10_000, description="Fewer free codes than this are an alert.")
    guard: Guard = Guard()

    @model_validator(mode="after")
    def _fits(self) -> Terms:
        if self.kind == "percent" and not 1 <= self.value <= 100:
            raise ValueError("value: a percentage lies between 1 and 100")
        if self.kind == "amount" and self.value < 1:
            raise ValueError("value: an amount is more than nothing")
        if self.supply == "shared":
            if not self.shared_code:
                raise ValueError("shared_code: an offer with one code for everybody needs that code")
            clean(self.shared_code)
        if self.prefix:
            clean(self.prefix)
        return self


def expiry(ends_at: datetime | None, valid_days: int | None, now: datetime, timezone: str) -> datetime | None:
    """The first instant at which a code that is given out at `now` is no longer good; None means never.

    With `valid_days` it is good to the end of the local day so many days on; an end of the whole offer comes first.
    """
    where = zone(timezone)
    own = None if valid_days is None else instant(local_date(now, where) + DAY * (valid_days + 1), MIDNIGHT, where)
    return min((at for at in (own, ends_at) if at is not None), default=None)


def last_day(expires_at: datetime | None, timezone: str) -> str | None:
    """The last local date, ISO, on which a code is good: what a mail says after “until”."""
    if expires_at is None:
        return None
    local = expires_at.astimezone(zone(timezone))
    on = local.date()
    return (on - DAY if local.time() == time(0) else on).isoformat()
