"""Lead score: points for what a customer does and is, by lines that anybody can read.

A line about an event gives its points for each time that it happened; each half-life later they count for half, until
there is less left than a twentieth of a point; and a line never gives more than its limit. A line about a segment gives
its points while the customer is in it. The score is the sum, rounded, and never below 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.models import Customer
from automation.rules import checks
from automation.rules.families import family
from automation.rules.language import InSegment
from automation.rules.operators import said
from automation.rules.scope import Scope, scope_of
from automation.rules.sql import predicate

MOST_LINES = 20
DAY = timedelta(days=1)
_LEAST = 0.05
"""Points below which an event counts no longer."""
_LONGEST = timedelta(days=730)


class Line(BaseModel):
    """One line: an event with its half-life and its limit, or a segment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: str | None = Field(None, max_length=128)
    segment: int | None = Field(None, ge=1, lt=2**62)
    points: int = Field(ge=-1_000, le=1_000)
    half_life_days: int = Field(30, ge=1, le=365)
    most: int = Field(50, ge=1, le=10_000)
    """Points that the line gives, or takes, at most."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Line:
        if (self.event is None) == (self.segment is None):
            raise ValueError("a line is about an event or about a segment")
        if self.event is not None:
            checks.event(self.event, "count", None, "at_least", 1)
        if self.points == 0:
            raise ValueError("a line needs points, more or less than 0")
        return self


USUAL: tuple[Line, ...] = (
    Line(event="order.placed", points=20, half_life_days=90, most=60),
    Line(event="cart.left", points=10, half_life_days=14, most=20),
    Line(event="mail.clicked", points=5, half_life_days=30, most=30),
    Line(event="visit", points=1, half_life_days=14, most=20),
)
"""What counts where a store has chosen nothing else."""

_LINES: TypeAdapter[list[Line]] = TypeAdapter(list[Line])


def lines_of(stored: Sequence[Any] | None) -> tuple[Line, ...]:
    """The lines as they are stored; None is the usual ones. Raises NotAllowed for what is none."""
    if stored is None:
        return USUAL
    if len(stored) > MOST_LINES:
        raise NotAllowed(f"There may be {MOST_LINES} lines; these are {len(stored)}.")
    try:
        return tuple(_LINES.validate_python(list(stored)))
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        raise NotAllowed(f"Line {int(where[0]) + 1 if where else 1}: {said(error)}.") from error


@dataclass(frozen=True, slots=True)
class Earned:
    """What a customer has of a line."""

    line: Line
    times: int
    """How often it happened, as far back as it counts; 1 for a segment."""
    points: float


def earned(
    session: Session, store_id: int, lines: Sequence[Line], customer_ids: Collection[int], now: datetime
) -> dict[int, list[Earned]]:
    """What each of some customers of a store has of each line: a statement for each line, and one for the segments."""
    found: dict[int, list[Earned]] = defaultdict(list)
    scope = scope_of(session, store_id) if any(line.segment for line in lines) else None
    for line in lines:
        if scope is None or line.segment is None:
            times = _times(session, store_id, line, customer_ids, now) if line.event else {}
            for customer_id, instants in times.items():
                found[customer_id].append(Earned(line, len(instants), decayed(line, instants, now)))
            continue
        for customer_id in _inside(session, scope, line.segment, customer_ids, now):
            found[customer_id].append(Earned(line, 1, float(line.points)))
    return found


def total(rows: Iterable[Earned]) -> int:
    """The score."""
    return max(0, round(sum(row.points for row in rows)))


def stays_for(rows: Sequence[Earned]) -> timedelta:
    """How long the score stays what it is, if nothing happens: at least so long, by the shortest half-life."""
    points = sum(row.points for row in rows)
    score, shortest = total(rows), min((row.line.half_life_days for row in rows), default=1)
    if score == 0 or any(row.points < 0 for row in rows):
        return timedelta(0)
    return math.log2(points / (score - 0.5)) * shortest * DAY


def decayed(line: Line, instants: Iterable[datetime], now: datetime) -> float:
    """The points of an event's line."""
    points: float = sum(line.points * 0.5 ** ((now - at) / (line.half_life_days * DAY)) for at in instants)
    return max(-float(line.most), min(float(line.most), points))


def _times(
    session: Session, store_id: int, line: Line, customer_ids: Collection[int], now: datetime
) -> Mapping[int, list[datetime]]:
    kind = family(line.event or "")
    since = now - min(math.log2(abs(line.points) / _LEAST) * line.half_life_days * DAY, _LONGEST)
    query = (
        select(kind.customer_id, kind.at)
        .select_from(kind.source())
        .where(kind.store_id == store_id, kind.customer_id.in_(customer_ids), kind.at > since, kind.at <= now)
        .where(*kind.where(now))
    )
    if kind.kind is not None:
        column, value = kind.kind
        query = query.where(column == value)
    found: dict[int, list[datetime]] = defaultdict(list)
    for customer_id, at in session.execute(query):
        found[customer_id].append(at)
    return found


def _inside(
    session: Session, scope: Scope, segment_id: int, customer_ids: Collection[int], now: datetime
) -> Sequence[int]:
    if segment_id not in scope:
        return []  # it is gone: nobody is in it
    rule = InSegment(segment=segment_id)
    return session.scalars(
        select(Customer.id).where(Customer.id.in_(customer_ids), predicate(rule, now, scope, each=True))
    ).all()


Source = Literal["events", "mails", "carts"]


def watched(lines: Iterable[Line]) -> dict[Source, set[str]]:
    """The events of lines by the table in which they turn up; orders are seen by their customers' summaries."""
    found: dict[Source, set[str]] = {"events": set(), "mails": set(), "carts": set()}
    for line in lines:
        name = line.event or ""
        if name in ("mail.opened", "mail.clicked"):
            found["mails"].add(name)
        elif name == "cart.left":
            found["carts"].add(name)
        elif name and family(name).source().description == "events":
            found["events"].add(name)
    return found
