"""What a rule of one store refers to: its saved segments, and the time zones of the store and of its customers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from automation.models import Customer, Segment, Store
from automation.rules import language
from automation.rules.language import Rule


@dataclass(frozen=True)
class Scope(Mapping[int, Rule]):
    """The rules of a store's segments by id, with all else that reading a rule needs."""

    store_id: int
    timezone: str
    """The store's."""
    rules: Mapping[int, Rule] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    """Of the segments."""
    find_zones: Callable[[], frozenset[str]] = frozenset
    """Asked once, and only by a rule that reads customers' own calendars."""

    @cached_property
    def zones(self) -> frozenset[str]:
        """The time zones of customers who have one."""
        return self.find_zones()

    def __getitem__(self, key: int) -> Rule:
        return self.rules[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)


def scope_of(session: Session, store_id: int) -> Scope:
    """The scope of a store: one statement, and a second for rules that read customers' own calendars."""
    rows = session.execute(
        select(Store.timezone, Segment.id, Segment.name, Segment.rule)
        .outerjoin(Segment, Segment.store_id == Store.id)
        .where(Store.id == store_id)
    ).all()
    segments = [row for row in rows if row.id is not None]
    return Scope(
        store_id=store_id,
        timezone=rows[0].timezone,
        rules={row.id: language.read(row.rule) for row in segments},
        names={row.id: row.name for row in segments},
        find_zones=lambda: zones_of(session, store_id),
    )


def zones_of(session: Session, store_id: int) -> frozenset[str]:
    """The distinct time zones of a store's customers, leaping from one to the next along an index."""
    mine = (Customer.store_id == store_id, Customer.timezone.is_not(None))
    first = select(Customer.timezone.label("zone")).where(*mine).order_by(Customer.timezone).limit(1)
    leap = select(literal(1).label("one"), first.scalar_subquery().label("zone")).cte("leap", recursive=True)
    after = (
        select(Customer.timezone)
        .where(*mine, Customer.timezone > leap.c.zone)
        .order_by(Customer.timezone)
        .limit(1)
        .correlate(leap)
        .scalar_subquery()
    )
    leap = leap.union_all(select(literal(1), after).where(leap.c.zone.is_not(None)))
    found = session.scalars(select(leap.c.zone).where(leap.c.zone.is_not(None)))
    return frozenset(zone for zone in found if zone)
