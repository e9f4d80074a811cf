"""What a file of customers says beside what a shop knows: notes, and how often and when they want to be mailed.

No shop's word overwrites these, so they are no part of a change; they are written once the customers are there. A
note takes the place of the one before. Of two wishes the quieter one holds: the longer rest, the fewer mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.addresses import key_of
from automation.changes import Person
from automation.models import Connection, Customer, Identity


@dataclass(frozen=True, slots=True)
class Wished:
    """Of one row; None where it says nothing."""

    person: Person
    notes: str | None = None
    paused_until: datetime | None = None
    most_per_week: int | None = None
    most_per_month: int | None = None

    @property
    def is_any(self) -> bool:
        """Whether the row says any of it."""
        told = (self.notes, self.paused_until, self.most_per_week, self.most_per_month)
        return any(value is not None for value in told)


def write(session: Session, connection: Connection, wished: Sequence[Wished], now: datetime) -> None:
    """Write them, in the caller's transaction: three statements. Who is not there, or was erased, is passed over."""
    ids = {one.person.external_id for one in wished if one.person.external_id}
    keys = {key for one in wished if (key := key_of(one.person.email))}
    named: dict[str, int] = dict(
        session.execute(
            select(Identity.external_id, Identity.customer_id).where(
                Identity.connection_id == connection.id, Identity.external_id.in_(ids)
            )
        ).all()
    )
    columns = (Customer.notes, Customer.paused_until, Customer.most_per_week, Customer.most_per_month)
    found = session.execute(
        select(Customer.id, Customer.email_key, *columns)
        .where(
            Customer.id.in_(set(named.values()))
            | ((Customer.store_id == connection.store_id) & Customer.email_key.in_(keys)),
            Customer.erased_at.is_(None),
        )
        .with_for_update(key_share=True)
    )
    rows: dict[int, dict[str, Any]] = {}
    by_key: dict[str, int] = {}
    for row in found:
        values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name
        key = values.pop("email_key")
        rows[row.id] = {**values, "updated_at": now}
        if key:
            by_key[key] = row.id
    changed = set()
    for one in wished:
        customer_id = named.get(one.person.external_id or "") or by_key.get(key_of(one.person.email) or "")
        if customer_id in rows:
            _take_over(rows[customer_id], one)
            changed.add(customer_id)
    bulk.update(session, Customer, [rows[customer_id] for customer_id in sorted(changed)])


def _take_over(row: dict[str, Any], one: Wished) -> None:
    if one.notes is not None:
        row["notes"] = one.notes
    if one.paused_until is not None:
        row["paused_until"] = max(one.paused_until, row["paused_until"] or one.paused_until)
    for name in ("most_per_week", "most_per_month"):
        told: int | None = getattr(one, name)
        if told is not None:
            row[name] = min(told, row[name] or told)
