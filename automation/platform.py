"""The contract of a platform: the shop's software, whose webhooks keep customers, carts and orders current.

A platform is one file in `automation/platforms/`, built as `Kind(settings, http)`. Near its top stands a literal
table "their topic → the function that translates it".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from automation.source import Envelope, Request, Source, SourceSettings, read_json

__all__ = ["CodeTerms", "Envelope", "Platform", "PlatformSettings", "Request", "read_json"]


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


class PlatformSettings(SourceSettings):
    """What a person fills in to connect a shop."""


class Platform(Source):
    """A connected shop."""

    code_batch: ClassVar[int] = 0
    """Most codes that `create_codes` takes in one call; 0 where the shop cannot make any."""

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> Sequence[str]:
        """Make discount codes in the shop, each good once; answers those that are there now.

        The same codes are asked for again when no answer came: one that the shop has already counts as made. Raises
        Misconfigured when the connection may not, Later when the shop cannot now, Refused for terms it has no word
        for.
        """
        raise NotImplementedError(f"{self.label} makes no codes")
