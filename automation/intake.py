"""The only way an event or a change of state gets in, once each.

`store()` keeps a verified webhook; the listen stage translates it later and hands the changes to `record()`.
Forms, imports, the API and the simulator's purchases all end in `record()` too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from automation.changes import Change
from automation.models import Connection
from automation.source import Envelope


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch of changes."""

    applied: int = 0
    stale: int = 0
    """Older than what is stored."""
    repeated: int = 0
    """Told before."""
    unmatched: int = 0
    """About something or somebody that cannot be known."""


def store(session: Session, connection: Connection, envelope: Envelope, now: datetime, *, is_known: bool) -> bool:
    """Keep a verified webhook for the listen stage; False when its delivery was here before."""
    raise NotImplementedError


def record(session: Session, connection: Connection, changes: Sequence[Change], now: datetime) -> Receipt:
    """Apply changes in order, in the caller's transaction."""
    raise NotImplementedError
