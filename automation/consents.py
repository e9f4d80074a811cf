"""The consent ledger: its only writer, and the rule that turns a customer's lines into one standing.

The standing is a function of all lines, not of the order in which they came in:
- the newest `at` wins; at the same instant what protects more (withdrawn, then pending, then granted);
- a consent that is only implied (a purchase, an inquiry, where the law lets that count) holds until it expires, and
  only while the person has said neither yes nor no themselves;
- a withdrawal made with us (unsubscribed, complained, a form, an admin) holds against every later sync of a shop
  or an import. Only a newer grant by the person themselves (a form), or by an admin, lifts it; a complaint is
  lifted by the person alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Row, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from automation.models import Consent, ConsentState, Customer
from automation.upsert import table_of

Status = Literal["granted", "withdrawn", "pending"]

PROTECTION = {"granted": 0, "pending": 1, "withdrawn": 2}
"""At the same instant the higher wins."""
LIFTED_BY = {
    "unsubscribe": frozenset({"form", "admin"}),
    "form": frozenset({"form", "admin"}),
    "admin": frozenset({"form", "admin"}),
    "complaint": frozenset({"form"}),
}
"""Sources whose withdrawals hold against syncs, and the sources of a newer grant that lifts them."""
_BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLine:
    """What one customer said about one topic, as the ledger keeps it."""

    store_id: int
    customer_id: int
    status: Status
    source: str
    """form, import, import_welcomed, platform, api, unsubscribe, complaint, admin, demo, purchase, inquiry, expiry."""
    at: datetime
    """When the customer did it; an instant to come counts as now."""
    basis: Literal["express", "implied"] = "express"
    expires_at: datetime | None = None
    """When an implied consent ends; None for an express one, which never does."""
    topic: str = "marketing"
    wording: str = ""
    ip: str = ""
    agent: str = ""
    message_id: int | None = None
    """Row id of the message that it came through."""
    detail: str = ""


_COLUMNS = tuple(f.name for f in fields(ConsentLine))


class Line(Protocol):
    """What the rule needs to know of a line."""

    @property
    def status(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def basis(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...


L = TypeVar("L", bound=Line)
_Kept = Row[int, int, int, str, str, str, datetime, str, datetime | None]
_Told = tuple[int, str, str, str, datetime]
"""What makes two lines the same: customer, topic, status, source, instant."""


def standing(lines: Iterable[L]) -> L:
    """The line that holds; the same lines in any order give the same status and instant.

    Raises ValueError for no lines.
    """
    told = list(lines)
    lines = [line for line in told if line.basis == "express"]
    if all(line.status == "pending" for line in lines) and len(lines) < len(told):
        return _implied([line for line in told if line.basis != "express"])
    held = [line for line in lines if line.status == "withdrawn" and not _is_lifted(line, lines)]
    # A withdrawal that holds leaves only withdrawals to choose from; else the newest line of all is the standing.
    choice = [line for line in lines if line.status == "withdrawn"] if held else lines
    return max(choice, key=lambda line: (line.at, PROTECTION[line.status]))


def _implied(lines: Sequence[L]) -> L:
    """Of consents that dealings imply the one that ends last, or the word that all of them have ended."""

    def lasts(line: L) -> tuple[datetime, int]:
        # The word that a consent expired is said at the instant at which it did, and is the stronger there.
        return line.expires_at or line.at, PROTECTION[line.status]

    return max(lines, key=lasts)


def _is_lifted(withdrawal: Line, lines: Sequence[Line]) -> bool:
    lifters = LIFTED_BY.get(withdrawal.source)
    if lifters is None:
        return True
    return any(line.status == "granted" and line.source in lifters and line.at > withdrawal.at for line in lines)


def note(session: Session, lines: Sequence[ConsentLine], now: datetime) -> int:
    """Write lines to the ledger and bring the standings they touch up to date, in the caller's transaction.

    A line that the ledger holds already (same customer, topic, status, source and instant) is not written again.
    Answers how many standings changed their status. A constant number of statements per 1,000 lines.
    """
    changed = 0
    for start in range(0, len(lines), _BATCH):
        changed += _note(session, [_trimmed(line, now) for line in lines[start : start + _BATCH]], now)
    return changed


def _trimmed(line: ConsentLine, now: datetime) -> ConsentLine:
    return replace(line, at=min(line.at, now), detail=line.detail[:500], agent=line.agent[:500], ip=line.ip[:64])


def _told(line: ConsentLine | _Kept) -> _Told:
    return line.customer_id, line.topic, line.status, line.source, line.at


def _note(session: Session, lines: Sequence[ConsentLine], now: datetime) -> int:
    customers = sorted({line.customer_id for line in lines})
    # Two transactions about one customer must see each other's lines, or the later would write an old standing.
    session.execute(
        select(Customer.id).where(Customer.id.in_(customers)).order_by(Customer.id).with_for_update(key_share=True)
    )
    known = {_told(row) for row in _ledger(session, customers)}
    fresh: dict[_Told, ConsentLine] = {_told(line): line for line in lines if _told(line) not in known}
    if not fresh:
        return 0
    rows = [{**{name: getattr(line, name) for name in _COLUMNS}, "recorded_at": now} for line in fresh.values()]
    session.connection().execute(insert(table_of(Consent)), rows)
    touched = {(line.customer_id, line.topic) for line in fresh.values()}
    piles: dict[tuple[int, str], list[_Kept]] = defaultdict(list)
    for row in _ledger(session, customers):
        if (row.customer_id, row.topic) in touched:
            piles[row.customer_id, row.topic].append(row)
    return _write_states(session, [standing(pile) for pile in piles.values()])


def _ledger(session: Session, customers: Sequence[int]) -> list[_Kept]:
    statement = (
        select(
            Consent.id,
            Consent.store_id,
            Consent.customer_id,
            Consent.topic,
            Consent.status,
            Consent.source,
            Consent.at,
            Consent.basis,
            Consent.expires_at,
        )
        .where(Consent.customer_id.in_(customers))
        .order_by(Consent.id)
    )
    return list(session.execute(statement))


def _write_states(session: Session, winners: Sequence[_Kept]) -> int:
    before = {
        (row.customer_id, row.topic): row.status
        for row in session.execute(
            select(ConsentState.customer_id, ConsentState.topic, ConsentState.status).where(
                ConsentState.customer_id.in_(sorted({w.customer_id for w in winners}))
            )
        )
    }
    upsert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = upsert(table_of(ConsentState))
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "topic"],
        set_={name: statement.excluded[name] for name in ("status", "at", "expires_at", "consent_id")},
    )
    # A list beside the statement, not in it: a thousand rows written out would be compiled anew each time.
    session.connection().execute(
        statement,
        [
            {
                "customer_id": w.customer_id,
                "topic": w.topic,
                "store_id": w.store_id,
                "status": w.status,
                "at": w.at,
                "expires_at": w.expires_at if w.status == "granted" else None,
                "consent_id": w.id,
            }
            for w in sorted(winners, key=lambda w: (w.customer_id, w.topic))
        ],
    )
    for stale in [row for row in session.identity_map.values() if isinstance(row, ConsentState)]:
        session.expire(stale)
    return sum(before.get((w.customer_id, w.topic)) != w.status for w in winners)
