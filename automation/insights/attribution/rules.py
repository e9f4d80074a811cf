"""The rule itself, without a database: of the hits before an order, the one that it counts for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from automation.policy import Policy


@dataclass(frozen=True, slots=True)
class Window:
    """How long, and what, counts."""

    seconds: int
    opens: bool = False

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def days(self) -> float:
        """For people."""
        return self.seconds / 86_400


def window_of(policy: Policy) -> Window:
    """What a store's settings say."""
    return Window(round(policy.attribution_days * 86_400), policy.attribution_opens)


@dataclass(frozen=True, slots=True)
class Hit:
    """A click or an open on a mail to the order's customer."""

    id: int
    message_id: int
    campaign_id: int | None
    type: str
    """click or open."""
    at: datetime
    link: int | None = None
    is_machine: bool = False


def verdict(hit: Hit, placed_at: datetime, window: Window) -> str:
    """Why a hit does not take part, or "" where it does: machine, after, before, open."""
    if hit.is_machine:
        return "machine"
    if hit.at > placed_at:
        return "after"
    if hit.at <= placed_at - window.span:
        return "before"
    return "open" if hit.type == "open" and not window.opens else ""


def choose(hits: Iterable[Hit], placed_at: datetime, window: Window) -> Hit | None:
    """The last click in (placed_at - window, placed_at]; where there is none and opens count, the last open.

    Of two at the same instant the one that was recorded later.
    """
    among = [hit for hit in hits if not verdict(hit, placed_at, window)]
    return max(among, key=lambda hit: (hit.type == "click", hit.at, hit.id), default=None)
