"""A store's loyalty programme: product defaults, and what the store set otherwise. Kept in `Store.loyalty`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.models import Store
from automation.money import exponent

Points = Annotated[int, Field(ge=0, le=1_000_000)]
Rate = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=12, decimal_places=6)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Tier(BaseModel):
    """A tier: what it takes, and what it brings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)] = Field(
        description="As customers read it."
    )
    spend: int = Field(ge=0, le=10**12, description="Spend within the window that it takes, in minor units.")
    factor: Rate = Field(Decimal(1), description="Points of orders are multiplied by this.")
    perks: str = Field("", max_length=500, description="What else it brings, in words.")


class EventRule(BaseModel):
    """Points for something that happened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)] = Field(
        description="The event's name, such as review.left."
    )
    points: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="Points for it.")
    each: Literal["time", "product", "day", "customer"] = Field(
        "product", description="Each time, once per product, once a day, or once for good."
    )
    words: str = Field("", max_length=200, description="What the customer reads in the history.")


class Programme(BaseModel):
    """How customers earn points, what tiers there are, and when points are gone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    is_on: bool = Field(False, description="Customers earn points.")
    started_at: AwareDatetime | None = Field(None, description="Nothing before this earns; set when it is turned on.")
    per_unit: Rate = Field(Decimal(3), description="Points for one unit of the store's currency (one euro, one yen).")
    other_currencies: dict[Currency, Rate] = Field(
        default_factory=dict,
        max_length=50,
        description="Points for one unit of another currency; orders in currencies that are not here earn nothing.",
    )
    basis: Literal["goods", "total"] = Field(
        "goods", description="What counts: the goods after discount, or the total with shipping and tax."
    )
    expire_days: int = Field(365, ge=0, le=3650, description="Days after which points are gone; 0 means never.")
    owe: bool = Field(
        True,
        description="When an order is refunded whose points were spent already, the balance goes below zero and the "
        "next points make up for it. Otherwise no more is taken back than is there.",
    )
    sign_up: Points = Field(0, description="Points for agreeing to the store's mails for the first time.")
    birthday: Points = Field(0, description="Points on the birthday, once a year.")
    events: tuple[EventRule, ...] = Field((), max_length=50, description="Points for other things.")
    window_days: int = Field(365, ge=1, le=3650, description="Tiers rest on the spend of so many days.")
    grace_days: int = Field(30, ge=0, le=730, description="A tier is kept so long after the spend fell below it.")
    tiers: tuple[Tier, ...] = Field((), max_length=20, description="Lowest first.")
    referrer: Points = Field(0, description="Points for bringing a friend who buys.")
    friend: Points = Field(0, description="Points for the friend who was brought.")
    friend_offer: str = Field("", max_length=64, description="Name of the offer that a friend gets.")
    return_days: int = Field(
        14, ge=0, le=365, description="A friend's order counts when it can no longer be sent back: days after it."
    )
    friend_least: int = Field(0, ge=0, le=10**12, description="What a friend's first order must come to.")

    @model_validator(mode="after")
    def _rises(self) -> Programme:
        spends, names = [t.spend for t in self.tiers], [t.name for t in self.tiers]
        if spends != sorted(set(spends)):
            raise ValueError("tiers: each takes more spend than the one before it")
        if len(set(names)) != len(names):
            raise ValueError("tiers: two have the same name")
        return self

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self.grace_days)

    def expires_at(self, at: datetime) -> datetime | None:
        """When points that are given at `at` are gone."""
        return at + timedelta(days=self.expire_days) if self.expire_days else None

    def rate(self, currency: str, home: str) -> Decimal:
        """Points for one unit of a currency, in a store whose own is `home`."""
        return self.per_unit if currency == home else self.other_currencies.get(currency, Decimal(0))

    def worth(self, amount: int, currency: str, home: str) -> int:
        """An amount of any currency that earns, in minor units of the store's own: by the ratio of what they earn."""
        if currency == home:
            return amount
        if not self.per_unit or not self.other_currencies.get(currency):
            return 0
        ratio = self.other_currencies[currency] / self.per_unit
        return int(amount * ratio * Decimal(10) ** (exponent(home) - exponent(currency)))

    def tier_at(self, rank: int) -> Tier | None:
        """The tier of a rank; None for 0 and for one that is no more."""
        return self.tiers[rank - 1] if 0 < rank <= len(self.tiers) else None

    def rank_for(self, spend: int) -> int:
        """The highest tier that so much spend takes one to; 0 for none."""
        return sum(tier.spend <= spend for tier in self.tiers)


def of(store: Store) -> Programme:
    """A store's programme."""
    return Programme.model_validate(store.loyalty or {})


def programmes(session: Session, store_ids: Iterable[int] | None = None) -> dict[int, tuple[Programme, Store]]:
    """Stores' programmes by store; of all stores without `store_ids`. One statement."""
    wanted = select(Store) if store_ids is None else select(Store).where(Store.id.in_(set(store_ids)))
    return {store.id: (of(store), store) for store in session.scalars(wanted)}
