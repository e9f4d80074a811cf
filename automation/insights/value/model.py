"""What was fitted to a store's customers, as it is stored, and what it says of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from automation.insights.value.cohorts import Cohorts
from automation.insights.value.purchasing import History, Purchasing
from automation.insights.value.rfm import Thresholds
from automation.insights.value.spending import Spending
from automation.models import CustomerRhythm

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
SUMMARY = (
    CustomerRhythm.occasions,
    CustomerRhythm.order_count,
    CustomerRhythm.spent,
    CustomerRhythm.repeat_spent,
    CustomerRhythm.first_order_at,
    CustomerRhythm.last_order_at,
    CustomerRhythm.last_occasion_at,
)
"""What a `Summary` is read from."""
FARTHEST = timedelta(days=1_095)
"""A next order later than this is none that one could wait for."""


class Figures(BaseModel):
    """The figures of a model. Amounts are in minor units of the store's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_average: float
    """Of all purchases of the buyers that were looked at."""
    reached: tuple[int, ...]
    """Of the cohorts, as the next two."""
    gaps: tuple[float, ...]
    amounts: tuple[float, ...]
    thresholds: dict[str, list[int]]
    purchasing: dict[str, float] | None = None
    spending: dict[str, float] | None = None
    likelihood: float | None = None
    """The logarithm, of the purchases."""
    correlation: float = 0.0
    """Of how often customers buy with how much."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is asked of a customer's orders."""

    occasions: int
    first_at: datetime
    last_at: datetime
    """The beginning of the last occasion."""
    repeat_spent: int

    def history(self, now: datetime) -> History:
        """As BG/NBD reads it."""
        # What is placed after `now` has happened, whatever the shop's clock says.
        last = max((self.last_at - self.first_at) / WEEK, 0.0)
        return History(self.occasions - 1, last if self.occasions > 1 else 0.0, max((now - self.first_at) / WEEK, last))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of a customer."""

    orders: float
    value: int
    """Minor units."""
    alive: float
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Model:
    """Reads a customer's summary."""

    thresholds: Thresholds
    order_average: float
    cohorts: Cohorts
    purchasing: Purchasing | None
    spending: Spending | None

    def expectation(self, one: Summary, horizon_days: int, now: datetime) -> Expectation:
        """What is expected of them within the horizon, from `now` on."""
        if self.purchasing is None:
            return self._by_cohort(one, horizon_days, now)
        history = one.history(now)
        orders = self.purchasing.expected(history, horizon_days / 7)
        half = self.purchasing.half_way(history)
        next_at = now + half * WEEK if half is not None and half * WEEK <= FARTHEST else None
        return Expectation(
            orders=orders,
            value=round(orders * self._amount(one)),
            alive=self.purchasing.alive(history),
            next_at=next_at,
        )

    def _amount(self, one: Summary) -> float:
        repeats = one.occasions - 1
        if self.spending is None:
            return self.order_average
        return self.spending.mean(repeats, max(one.repeat_spent, 0) / repeats if repeats else 0.0)

    def _by_cohort(self, one: Summary, horizon_days: int, now: datetime) -> Expectation:
        silent = (now - one.last_at) / DAY
        alive = self.cohorts.alive(one.occasions, silent)
        orders = self.cohorts.expected(one.occasions, silent, horizon_days)
        return Expectation(
            orders=orders,
            value=round(orders * self.cohorts.amount(one.occasions)),
            alive=alive,
            next_at=max(now, one.last_at + self.cohorts.gap(one.occasions) * DAY) if alive > 0.5 else None,
        )


def model_of(stored: dict[str, Any]) -> Model:
    """The model whose figures are stored."""
    figures = Figures.model_validate(stored)
    return Model(
        thresholds=Thresholds().with_own(figures.thresholds),
        order_average=figures.order_average,
        cohorts=Cohorts(figures.reached, figures.gaps, figures.amounts),
        purchasing=Purchasing(**figures.purchasing) if figures.purchasing else None,
        spending=Spending(**figures.spending) if figures.spending else None,
    )
