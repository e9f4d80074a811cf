"""The code that a mail shows is still good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Session

from automation.offers.following import NAME, invalid_offers
from automation.reliance import Reliance, Relying


class Offer(Reliance):
    """A mail that shows a code goes only while the code is good: not used, not expired, not withdrawn.

    A run without a code relies on nothing: its mail goes without one.
    """

    names: ClassVar[frozenset[str]] = frozenset({NAME})

    def broken(self, session: Session, mails: Sequence[Relying], now: datetime) -> Mapping[int, str]:
        return invalid_offers(session, mails, now)
