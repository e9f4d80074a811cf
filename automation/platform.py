"""The contract of a platform: the shop's software, whose webhooks keep customers, carts and orders current.

A platform is one file in `automation/platforms/`, built as `Kind(settings, http)`. Near its top stands a literal
table "their topic → the function that translates it". What it can do beyond listening, it says by overriding:

    fetch         its webhooks name an object only; this looks it up before it is translated
    subscribe     it can be told which webhooks to send where
    pull          everything there is (when a shop is connected), or what changed since (what webhooks missed)
    create_codes  discount codes can be made in the shop, `code_batch` at a time

All four are called outside any transaction, by the poll stage or the offers, never by the web process. They raise
Later (also for too many requests), Misconfigured (settings that the shop does not accept) or Unsure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import ValidationError

from automation.changes import Change
from automation.errors import NotAllowed, Unreadable
from automation.payload import Part
from automation.source import Envelope, Request, Source, SourceSettings, read_json

__all__ = [
    "CodeTerms",
    "Envelope",
    "News",
    "Page",
    "Platform",
    "PlatformSettings",
    "Reader",
    "Request",
    "Work",
    "can",
    "read_json",
    "translated",
]

Work = Literal["subscribe", "back_fill", "reconcile"]
"""What is done at a connected shop besides listening to it."""


class PlatformSettings(SourceSettings):
    """What a person fills in to connect a shop."""


@dataclass(frozen=True, slots=True)
class News:
    """A body from the shop, with what is needed to read it."""

    body: Part
    settings: Any
    at: datetime | None = None
    """When the shop says that it happened."""

    def id(self, *names: str) -> str:
        """The first of these ids. Raises Unreadable for none."""
        found = next((text for name in names if (text := self.body.id(name))), None)
        if found is None:
            raise self.body.missing(*names)
        return found

    def moment(self, *names: str) -> datetime:
        """The first of these instants, else when it happened. Raises Unreadable for none."""
        found = next((at for name in names if (at := self.body.moment(name))), self.at)
        if found is None:
            raise self.body.missing(*names)
        return found


Reader = Callable[[News], list[Change]]


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of what a shop knows."""

    changes: Sequence[Change]
    cursor: str | None = None
    """Where to go on; None when that was all."""
    progress: float = 1.0
    """0 to 1, as far as it can be told."""
    refused: Sequence[str] = ()
    """Why objects could not be read; the others count all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTerms:
    """What the codes of an offer are worth, for a shop that is to take them."""

    offer_id: str
    """Our public id of the offer: for shops that keep codes under one discount."""
    title: str
    kind: Literal["percent", "amount", "shipping"]
    value: int
    """Percent, or minor units of `currency`."""
    currency: str
    minimum: int | None
    """Minor units that the order must come to."""
    starts_at: datetime
    ends_at: datetime | None


class Platform(Source):
    """A connected shop."""

    reconciled_every: ClassVar[timedelta] = timedelta(hours=1)
    """How often the shop is asked for what its webhooks missed."""

    @property
    def has_api(self) -> bool:
        """Whether the settings hold what the shop's API asks for."""
        return False

    def fetch(self, envelope: Envelope) -> Envelope:
        """The envelope with the object that its webhook only names.

        Called for envelopes that `open` marked as bare. Raises Unreadable, Later or Misconfigured.
        """
        return envelope

    def subscribe(self, url: str) -> str:
        """Have the shop send its webhooks to `url`, once each however often this is called: a sentence.

        Raises Refused, Later, Misconfigured or Unsure.
        """
        raise NotAllowed(f"Webhooks are set up by hand at {self.label}: {url}")

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """A page of all there is, or of what changed since; begun without a cursor, gone on with the last page's.

        Raises Later or Misconfigured.
        """
        raise NotAllowed(f"{self.label} cannot be asked: {since}, {cursor}")

    code_batch: ClassVar[int] = 0
    """Most codes that `create_codes` takes in one call; 0 where the shop cannot make any."""

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> Sequence[str]:
        """Make discount codes in the shop, each good once; answers those that are there now.

        The same codes are asked for again when no answer came: one that the shop has already counts as made. Raises
        Misconfigured when the connection may not, Later when the shop cannot now, Refused for terms it has no word
        for.
        """
        raise NotImplementedError(f"{self.label} makes no codes: {len(codes)} of {terms.title}")


def can(platform: Platform, what: str) -> bool:
    """Whether a connected platform does more than listen: `what` is the name of one of the contract's methods."""
    return platform.has_api and getattr(type(platform), what) is not getattr(Platform, what)


def translated(table: Mapping[str, Reader], topic: str, news: News) -> list[Change]:
    """What the table's reader makes of a body; nothing for a topic that is not in it. Raises Unreadable."""
    reader = table.get(topic)
    if reader is None:
        return []
    try:
        return reader(news)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc'])) or 'The body'}: {first['msg']}.") from error
