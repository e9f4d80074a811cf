"""Whoever something fell due for in a span, whatever the conditions say: what a replay has to ask about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import FromClause, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.util import find_tables

from automation.models import Customer
from automation.trigger import Occurrences, Window
from automation.versions import Version


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Something of a customer's that fell due, once."""

    customer_id: int
    subject_id: int
    at: datetime
    """When it happened."""
    due_at: datetime
    timezone: str | None
    """The customer's."""
    window: Window
    """In which it was found."""


def windows_of(version: Version, window: Window) -> Iterator[Window]:
    """A span in the pieces that the trigger wants to be asked for, in their order."""
    most = version.trigger.replay_span
    since = window.since
    while most is not None and since + most < window.until:
        yield replace(window, since=since, until=since + most)
        since += most
    yield replace(window, since=since)


def find(session: Session, version: Version, window: Window, customer_id: int | None = None) -> list[Candidate]:
    """Everything that fell due in a window, in the order in which it did; of one customer, if one is named."""
    found = version.trigger.occurrences(version.settings, window)
    due_at: Any = found.at if found.due_at is None else found.due_at
    columns = (found.customer_id, found.subject_id, found.at, due_at.label("due_at"), Customer.timezone)
    statement = (
        select(*columns)
        .select_from(source_of(found))
        .where(found.store_id == version.store_id, found.within, Customer.erased_at.is_(None))
    )
    if customer_id is not None:
        statement = statement.where(found.customer_id == customer_id)
    later = found.delay if found.due_at is None else timedelta()
    rows = [Candidate(row[0], row[1], row[2], row[3] + later, row[4], window) for row in session.execute(statement)]
    return sorted(rows, key=lambda c: (c.due_at, c.at, c.subject_id))


def source_of(found: Occurrences) -> FromClause:
    """Where the occurrences are, with their customers."""
    if Customer.__table__ in find_tables(found.source, include_joins=False):
        return found.source
    return found.source.join(Customer.__table__, Customer.id == found.customer_id)
