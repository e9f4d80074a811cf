"""The suppression list's writer: an address has one row per store, and the weightiest reason stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, case, delete, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from automation.models import Suppression

WEIGHTS = {"soft_bounces": 0, "provider": 1, "hard_bounce": 2, "manual": 3, "complaint": 4, "erased": 5}
"""A weightier reason replaces a lighter one, at the same weight the earlier instant; nothing here lifts a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """An address that a store must not mail any more, and why."""

    store_id: int
    email_key: str
    reason: str
    at: datetime
    message_id: int | None = None
    """Row id of the message that showed it."""
    detail: str = ""


def suppress(session: Session, found: Sequence[Suppressed]) -> None:
    """Put addresses on the list, in the caller's transaction; one statement, any order gives the same rows."""
    if not found:
        return
    upsert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = upsert(Suppression).values(
        [{**asdict(s), "detail": s.detail.replace("\x00", "")[:500]} for s in _weightiest(found)]
    )
    new, old = statement.excluded, Suppression.__table__.c
    heavier, as_heavy = case(WEIGHTS, value=new.reason), case(WEIGHTS, value=old.reason)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "email_key"],
            set_={name: new[name] for name in ("reason", "detail", "message_id", "at")},
            where=or_(heavier > as_heavy, and_(heavier == as_heavy, new.at < old.at)),
        )
    )
    for stale in [row for row in session.identity_map.values() if isinstance(row, Suppression)]:
        session.expire(stale)


def _weightiest(found: Iterable[Suppressed]) -> list[Suppressed]:
    best: dict[tuple[int, str], Suppressed] = {}
    for one in found:
        key = (one.store_id, one.email_key)
        known = best.get(key)
        if known is None or (-WEIGHTS[one.reason], one.at) < (-WEIGHTS[known.reason], known.at):
            best[key] = one
    return [best[key] for key in sorted(best)]


def listed(session: Session, store_id: int, addresses: Iterable[str], reason: str) -> set[str]:
    """Which of the addresses (normal form) stand on a store's list for exactly this reason."""
    return set(
        session.scalars(
            select(Suppression.email_key).where(
                Suppression.store_id == store_id,
                Suppression.email_key.in_(sorted(addresses)),
                Suppression.reason == reason,
            )
        )
    )


def take_back(session: Session, store_id: int, addresses: Iterable[str], reason: str) -> None:
    """Take addresses off the list that stand there for exactly this reason, because it turned out not to be so."""
    session.execute(
        delete(Suppression)
        .where(
            Suppression.store_id == store_id,
            Suppression.email_key.in_(sorted(addresses)),
            Suppression.reason == reason,
        )
        .execution_options(synchronize_session="fetch")
    )
