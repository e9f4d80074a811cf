"""The contract of a report: a table of figures with their definitions, and how it is drawn.

A report is one file in `automation/insights/reports/`; its file name is its name in addresses. What it holds is shown
as a page, given as JSON through the API and as CSV without more being written for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import Select
from sqlalchemy.orm import Session

from automation import segments
from automation.discovery import implementations
from automation.errors import Unknown
from automation.insights.periods import Against, Period
from automation.models import Segment
from automation.money import decimal_text
from automation.rules import language

Kind = Literal["text", "count", "money", "share", "number", "date", "time"]
"""text; count: a whole number; money: minor units of the table's currency; share: 0 to 1; number: with digits behind
the point; date: a day in the store's zone; time: an instant in UTC. Every kind may be None: not known."""

Cell = str | int | float | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    key: str
    title: str
    kind: Kind = "text"
    definition: str = ""
    """What is counted and what is not; shown with the figure."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows and columns."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    currency: str = "EUR"
    note: str = ""
    """What a reader has to know of all of it: that there is not enough data yet, for example."""

    def column(self, key: str) -> list[Any]:
        """The cells of one column."""
        index = [column.key for column in self.columns].index(key)
        return [row[index] for row in self.rows]

    def plain(self, row: Sequence[Cell]) -> list[str | int | float | None]:
        """A row as programs read it: money as a decimal text, days and instants in ISO 8601."""
        return [_plain(cell, column.kind, self.currency) for cell, column in zip(row, self.columns, strict=True)]


def _plain(cell: Cell, kind: Kind, currency: str) -> str | int | float | None:
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    if kind == "money" and cell is not None:
        return decimal_text(int(cell), currency)
    return cell


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for."""

    store_id: int
    currency: str
    period: Period
    now: datetime
    against: Against | None = None
    """Compare with another period, where the report can."""
    segment: Segment | None = None
    """Only its members, as they are now."""
    options: dict[str, str] = field(default_factory=dict)
    """Further choices, of those that the report lists."""

    def customers(self, session: Session) -> Select[int] | None:
        """The ids of the customers it is about; None: all, and orders and visits of nobody in particular."""
        if self.segment is None:
            return None
        rule = language.read(self.segment.rule)
        return segments.members(session, self.store_id, rule, self.now)


class Report(ABC):
    """A table of figures. The docstring of the class is shown as its explanation."""

    kind: ClassVar[str]
    title: ClassVar[str]
    has_period: ClassVar[bool] = True
    has_segment: ClassVar[bool] = True
    options: ClassVar[dict[str, dict[str, str]]] = {}
    """Further choices: name → value → words; the first value is the usual one."""

    @abstractmethod
    def table(self, session: Session, asked: Asked) -> Table:
        """The figures; in a constant number of statements."""

    def chart(self, table: Table) -> dict[str, Any] | None:  # noqa: ARG002 - what others draw from
        """What an <echart-view> draws: {"kind", "categories", "series", "unit"}; None where a table says it all."""
        return None


def reports() -> dict[str, type[Report]]:
    """All reports by their name."""
    return implementations("automation.insights.reports", Report)  # type: ignore[type-abstract]  # only compared with


def report(name: str) -> Report:
    """A report by its name. Raises Unknown."""
    found = reports().get(name)
    if found is None:
        raise Unknown(f"There is no report {name[:60]!r}.")
    return found()
