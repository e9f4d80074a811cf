"""The contract of a trigger: which customers are due, and whether it is still true.

A trigger is one file in `triggers/`. It is one SELECT with named conditions: the enrol stage inserts what it finds,
the advance stage asks the conditions again before every step, `why` shows their values, `backtest` runs them over
the past. A condition is therefore written against timestamps and as of `window.until`, never as of today.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, FromClause, literal, true

from automation.models import Enrolment
from automation.models.record import UTCDateTime
from automation.upsert import table_of


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open span (since, until] in which something has to be due, and whose it is."""

    since: datetime
    until: datetime
    store_id: int = 0
    campaign_id: int = 0
    """For triggers that look at what the campaign did before; 0 where there is no campaign yet."""
    timezone: str = "UTC"
    """The store's: that of schedules, and of customers without their own."""
    zones: tuple[str, ...] = ()
    """The zones in which the store has customers, "" for those without one; only for a trigger that `is_local`."""
    is_replay: bool = False
    """True asks for everything that ever fell due in the window, each by itself: no newer one stands in for it, and
    its `due_at` is when it fell due, not when it would be noticed. For looking back, not for sweeping."""
    as_of: ColumnElement[datetime] | None = None
    """A column with each occurrence's own moment, which conditions are then asked as of instead of `until`."""
    customer_id: ColumnElement[Any] | None = None
    """With `as_of`: a column with the customer whose moment it is."""
    enrolled: FromClause | None = None
    """What a replay let in before this window, in place of the campaign's enrolments: a table with `customer_id`,
    `key`, `anchor_at` and `entered_at`."""

    @property
    def now(self) -> ColumnElement[datetime]:
        """The moment that conditions are asked as of."""
        return literal(self.until, type_=UTCDateTime()) if self.as_of is None else self.as_of

    @property
    def who(self) -> ColumnElement[Any]:
        """When asking again: the customer of the enrolment."""
        return Enrolment.customer_id.expression if self.customer_id is None else self.customer_id

    def enrolments(self) -> tuple[Any, ColumnElement[bool]]:
        """The columns of what the campaign let in before, and which rows of them are the campaign's."""
        if self.enrolled is not None:
            return self.enrolled.c, true()
        columns = table_of(Enrolment).alias().c
        return columns, columns.campaign_id == self.campaign_id

    def earlier(self, span: timedelta) -> Window:
        """The same window, shifted into the past: what is due now happened `span` ago."""
        return replace(self, since=self.since - span, until=self.until - span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """What is due in a window. All columns belong to `source`, which may be a join."""

    source: FromClause
    store_id: ColumnElement[int]
    customer_id: ColumnElement[Any]
    key: ColumnElement[str]
    """Text that makes the occurrence one of its kind: fires at most once per campaign, customer and key."""
    at: ColumnElement[datetime]
    """When it happened. It is due at `at + delay`."""
    delay: timedelta = timedelta()
    due_at: ColumnElement[datetime] | None = None
    """When it is due, where that is not the same span after `at` for all: a local hour, several offsets."""
    subject_id: ColumnElement[Any]
    """The row it is about; conditions are asked again for it by this id."""
    within: ColumnElement[bool]
    """`at` lies in the window, written so that an index serves."""
    conditions: Mapping[str, ColumnElement[bool]]
    """What must hold at entry and before every step, in the words a person reads when it does not."""
    entry: Mapping[str, ColumnElement[bool]]
    """What must hold at entry only."""
    stood: ColumnElement[bool] = field(default_factory=true)
    """Looking back, where a subject has a row for each state it was in: whether a row was its state at `now`."""
    is_settling: bool = False
    """Something is due for everybody at once, and once it was swept nobody more can become due for it."""
    last_at: datetime | None = None
    """Nothing can be due after this instant: once swept past it, the trigger is done."""


class TriggerSettings(BaseModel):
    """A trigger's form in the UI: each field has a default and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Trigger(ABC):
    """A kind of trigger; its docstring is its help page."""

    kind: ClassVar[str]
    label: ClassVar[str]
    Settings: ClassVar[type[TriggerSettings]]

    subject: ClassVar[str] = ""
    """What `subject_id` is an id of, as mails' values ask for it: cart, order, event, repurchase, due_item, tier,
    points_entry, date (of a customer's). Empty where mails have nothing to tell of the row."""

    mailable_only: ClassVar[bool] = False
    """True enrols only customers who agreed to the campaign's topic: for what is due for everybody at once. A sweep
    that leaves nobody of them behind settles it; who agrees or becomes known later gets the next one."""

    is_local: ClassVar[bool] = False
    """True where customers' own hours count: the window then lists the zones they live in."""

    nothing: ClassVar[str] = "nothing of theirs happened"
    """What is said of a customer to whom it did not happen: "no cart was left"."""

    not_kept: ClassVar[tuple[str, ...]] = ()
    """What its conditions ask that is not kept as history, each in a sentence: looking back, they ask it of today."""

    replay_span: ClassVar[timedelta | None] = None
    """A replay asks for windows no longer than this, in their order: for kinds that work out a table for a window."""

    remembers: ClassVar[bool] = False
    """True where whom the campaign let in before decides who is next: a replay then plays one window after another."""

    def at_publish(self, settings: Any, now: datetime) -> Any:  # noqa: ARG002  most kinds have nothing to fix
        """The settings as a version keeps them: what is open until publishing ("now") is fixed here."""
        return settings

    def watched_segments(self, settings: Any) -> Collection[int]:  # noqa: ARG002  most kinds watch none
        """Ids of the segments whose comings and goings the kind waits on; see `automation.memberships`."""
        return ()

    def catch_up(self, settings: Any) -> timedelta | None:  # noqa: ARG002  most kinds leave it to the store
        """How late it may still start, where the kind has a limit of its own beside the store's."""
        return None

    @abstractmethod
    def occurrences(self, settings: Any, window: Window, anchor: ColumnElement[datetime] | None = None) -> Occurrences:
        """What is due in `window`.

        `anchor` replaces `at` in conditions that say "since": when an enrolment is asked again it is the
        enrolment's own anchor, so that a cart touched after an order does not forget the order. `Enrolment` is then
        part of the statement, and `subject_id` must find exactly one row of `source` for it.
        """
