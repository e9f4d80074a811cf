"""An answer to "why", in parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from automation.rules.explain import Reason


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold, whether it does, and a sentence."""

    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something of the customer's that fell due, or will: a cart, an order, a date."""

    key: str
    happened_at: datetime
    due_at: datetime
    is_due: bool
    """It counts at the moment that was asked about."""
    asked_at: datetime
    """As of when its conditions were asked: that moment, or when it fell due if that was too long ago."""
    checks: tuple[Check, ...]
    audience: Reason | None
    """As of `asked_at`; None for a campaign that is for everybody."""
    entered: bool
    """There is a way that began with it."""
    may_enter: bool
    """Everything that was asked of it holds, and it is due."""


@dataclass(frozen=True, slots=True)
class ToldMail:
    """A mail, what was decided about it, and what became of it."""

    step_id: str
    drafted_at: datetime
    state: str
    sentence: str
    decisions: tuple[tuple[datetime, str], ...]
    """Each with the facts it saw, the first one first."""
    fate: tuple[tuple[datetime, str], ...]
    """What came back about it."""


@dataclass(frozen=True, slots=True)
class Way:
    """One entry of the customer's, and how far it has gone."""

    key: str
    entered_at: datetime
    state: str
    step: str
    """Where it stands, in words; empty when it has ended."""
    due_at: datetime | None
    """When the next step is taken; None when it has ended."""
    exit_reason: str
    mails: tuple[ToldMail, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that decided whether a customer got a campaign's mails, as of one moment."""

    campaign: str
    customer: str
    """Public id."""
    at: datetime
    timezone: str
    """The customer's; times in sentences are told in it."""
    verdict: str
    """The answer in one sentence."""
    would_enter: bool
    """The next sweep lets them in."""
    campaign_checks: tuple[Check, ...]
    customer_checks: tuple[Check, ...]
    """What does not depend on an occasion: consent, an address, whether it is blocked."""
    entry_checks: tuple[Check, ...]
    """The rules of entering: a cool-down, being held out."""
    nothing: str
    """Where nothing is due: which part is missing, and when it happened last."""
    occasions: tuple[Occasion, ...]
    """The newest first."""
    ways: tuple[Way, ...]
    """The newest first."""

    def as_json(self) -> dict[str, Any]:
        """For machines: instants as ISO texts."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value
