"""Pages by key: "what comes after this row", which costs the same on the first page and on the thousandth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, or_, true

Row = TypeVar("Row")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row a page showed; the next page begins below it. Newest first."""

    at: datetime
    id: int
    kind: str = ""

    def __str__(self) -> str:
        micros = (self.at - _EPOCH) // timedelta(microseconds=1)
        return f"{micros}-{self.id}-{self.kind}"


def mark(text: str | None) -> Mark | None:
    """Read a mark from an address; None for none or for one that makes no sense: the first page then."""
    try:
        micros, number, kind = (text or "").split("-", 2)
        return Mark(_EPOCH + timedelta(microseconds=int(micros)), int(number), kind)
    except (ValueError, OverflowError):
        return None


def below(at: Any, number: Any, after: Mark | None) -> ColumnElement[bool]:
    """The rows below a mark, for a list ordered by `at` and `number`, newest first."""
    if after is None:
        return true()
    return or_(at < after.at, and_(at == after.at, number < after.id))


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and the mark of the page that follows; None on the last."""

    rows: list[Row]
    next: Mark | None = None

    def __bool__(self) -> bool:
        return bool(self.rows)
