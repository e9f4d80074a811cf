"""A rule as of many moments at once: each row has an instant of its own, for looking back over a span of time.

A window of a rule ("the last 30 days", "this month") means other instants at each moment. They are worked out in
Python, by the same functions as for one moment, and travel as columns of the moments' table; the rule's predicate
refers to those columns by name. So there is no second reading of a rule, and no date arithmetic in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Subquery, literal_column
from sqlalchemy.types import TypeEngine

from automation.rules import windows
from automation.rules.windows import Span
from automation.timetable import ID, INSTANT, NUMBER, TEXT, timetable

K = TypeVar("K", bound=Hashable)
NAME = "moments"


@dataclass(frozen=True, slots=True)
class Moment:
    """Whom and what is asked about, and when."""

    customer_id: int
    at: datetime
    timezone: str | None = None
    """The customer's; None means the store's."""
    subject_id: int | None = None
    anchor_at: datetime | None = None


class Moments:
    """Rows of (customer, instant …) that a statement is joined to under the name `moments`."""

    at: ColumnElement[datetime] = literal_column(f"{NAME}.at", INSTANT)
    customer_id: ColumnElement[int] = literal_column(f"{NAME}.customer_id", ID)
    subject_id: ColumnElement[int] = literal_column(f"{NAME}.subject_id", ID)
    anchor_at: ColumnElement[datetime] = literal_column(f"{NAME}.anchor_at", INSTANT)
    number: ColumnElement[int] = literal_column(f"{NAME}.number", NUMBER)
    """The row's place in the list, from 0."""

    # By name, and not as columns of the table: SQLAlchemy would else join the table again inside every subquery.

    def __init__(self, rows: Sequence[Moment], timezone: str) -> None:
        self.rows = rows
        self._store_zone = windows.zone(timezone)
        self._columns: dict[str, TypeEngine[Any]] = {
            "number": NUMBER,
            "customer_id": ID,
            "subject_id": ID,
            "at": INSTANT,
            "anchor_at": INSTANT,
        }
        self._values: list[Sequence[Any]] = [
            range(len(rows)),
            [row.customer_id for row in rows],
            [row.subject_id for row in rows],
            [row.at for row in rows],
            [row.anchor_at for row in rows],
        ]

    def table(self) -> Subquery:
        """The rows, with a column for all that was asked of them so far."""
        return timetable(NAME, self._columns, list(zip(*self._values, strict=True)))

    def calendars(
        self, asked: str | None, key: Callable[[datetime, ZoneInfo], K]
    ) -> list[tuple[ColumnElement[bool] | None, Any]]:
        """What `key` is at each moment, in the calendar of the customer (or the store): a span as columns, else each
        different answer with the rows that have it.
        """
        found: list[Any] = [key(row.at, self._zone(row, asked)) for row in self.rows]
        sample = found[0]
        if isinstance(sample, Span):
            return [(None, self._span(found))]
        if isinstance(sample, tuple):
            first, second = zip(*found, strict=True)
            return [(None, (self._span(first), None if sample[1] is None else self._span(second)))]
        assert isinstance(sample, date)
        column = self._add([str(on) for on in found], TEXT)
        return [(column == str(on), on) for on in sorted(set(found))]

    def _zone(self, row: Moment, asked: str | None) -> ZoneInfo:
        return windows.zone(row.timezone) if asked == "customer" and row.timezone else self._store_zone

    def _span(self, found: Sequence[Span]) -> Any:
        # Whether a span is open at an end depends on the rule, not on the moment.
        since = None if found[0].since is None else self._add([span.since for span in found], INSTANT)
        until = None if found[0].until is None else self._add([span.until for span in found], INSTANT)
        return Span(since, until)

    def _add(self, values: Sequence[Any], kind: TypeEngine[Any]) -> Any:
        name = f"asked_{len(self._columns)}"
        self._columns[name] = kind
        self._values.append(values)
        return literal_column(f"{NAME}.{name}", kind)
