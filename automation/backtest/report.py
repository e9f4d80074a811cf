"""What a replay comes to: plain figures, ready for a page or a terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Day:
    """One local date of the store."""

    on: date
    entered: int
    mails: int
    by_step: dict[str, int]


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What one mail of the flow would have done."""

    step_id: str
    words: str
    sent: int
    not_sent: dict[str, int]
    """How many did not go, by the sentence that says why."""
    ordered: int
    """Of those that did not go: how many customers had ordered anyway since what it was about happened."""
    put_off: int
    """Of those that went: how many had to wait for the morning or for the gap after another mail."""
    open: int
    """Drafted, and not decided when the replay ended."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail of one entrant."""

    step_id: str
    at: datetime
    went: bool
    words: str
    """Why it went or did not."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody who would have entered."""

    customer: str
    """Public id."""
    name: str
    key: str
    happened_at: datetime
    entered_at: datetime
    state: str
    exit_reason: str
    mails: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a campaign would have done in a span of the store's own history."""

    campaign: str
    since: datetime
    until: datetime
    timezone: str
    """Of the days: the store's."""
    occurrences: int
    """How often something fell due, whatever became of it."""
    entered: int
    customers: int
    """Different customers among those who entered."""
    kept_out: dict[str, int]
    """How many occurrences did not lead in, by the condition that did not hold."""
    ordered_within_hour: int
    """Occurrences after which the customer ordered within an hour anyway."""
    mails: int
    days: tuple[Day, ...]
    steps: tuple[StepFigures, ...]
    collisions: int
    """Mails that a live campaign's mail would have put off or kept from going."""
    would_hold_back: int
    """Mails of live campaigns that would have had to wait for one of this campaign's."""
    offers: int
    """Offers that would have been given out."""
    under_way: int
    """Entrants who were still on their way when the span ended."""
    caveats: tuple[str, ...]
    """What history does not keep, so that it was asked of today, each in a sentence."""
    entrants: tuple[Entrant, ...] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """For machines: instants and dates as ISO texts, customers by their public ids."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {key: _plain(part) for key, part in value.items() if key != "name"}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value
