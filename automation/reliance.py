"""The contract of a reliance: something that a mail relies on beyond its trigger's conditions, an offer for one.

A reliance is one file in `automation/reliances/`. Before a mail is made ready, and again when it waited long to leave,
it is asked about all mails of a batch whose template uses one of its names; what it says no longer holds drops them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from sqlalchemy.orm import Session


class Relying(NamedTuple):
    """A mail that is about to be made ready."""

    message_id: int
    customer_id: int
    store_id: int
    campaign_id: int | None
    enrolment_id: int | None
    subject_id: int | None


class Reliance(ABC):
    """A kind of reliance; its docstring says what it looks at."""

    kind: ClassVar[str]
    names: ClassVar[frozenset[str]]
    """Top-level names of templates, such as `offer`: mails that use none of them are not asked about."""

    @abstractmethod
    def broken(self, session: Session, mails: Sequence[Relying], now: datetime) -> Mapping[int, str]:
        """By message id what no longer holds, said as if it did ("the offer is still valid"); others hold.

        A constant number of statements, however many mails there are.
        """
