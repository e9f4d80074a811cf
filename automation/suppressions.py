"""The suppression list's writer: an address has one row per store, and the weightiest reason stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, case, delete, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from automation.erasing.marks import mark_of_address
from automation.models import ErasedPerson, Suppression

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
    """Put addresses on the list, in the caller's transaction; one statement, any order gives the same rows.

    Of somebody who was erased the address is not written down again: the reason is kept beside their mark.
    """
    found = _without_erased(session, found) if found else ()
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


def _without_erased(session: Session, found: Sequence[Suppressed]) -> Sequence[Suppressed]:
    stores = sorted({s.store_id for s in found})
    if session.scalar(select(ErasedPerson.mark).where(ErasedPerson.store_id.in_(stores)).limit(1)) is None:
        return found
    marks = {(s.store_id, s.email_key): mark_of_address(session, s.email_key) or "" for s in found}
    rows = session.scalars(
        select(ErasedPerson).where(ErasedPerson.store_id.in_(stores), ErasedPerson.mark.in_(set(marks.values())))
    )
    erased = {(row.store_id, row.mark): row for row in rows}
    kept = []
    for one in found:
        person = erased.get((one.store_id, marks[one.store_id, one.email_key]))
        if person is None:
            kept.append(one)
        elif WEIGHTS[one.reason] > WEIGHTS.get(person.suppression, -1):
            person.suppression = one.reason
    session.flush()
    return kept


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
