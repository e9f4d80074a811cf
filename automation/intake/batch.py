"""What the parts of intake share: the batch's surroundings and tally, and shelves of rows to read and write at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.orm import Session

from automation.changes import Change
from automation.consent_policy import ConsentPolicy, of_store
from automation.models import Connection, Record, Store
from automation.upsert import table_of

Row = dict[str, Any]
"""A table's row by column; its `id` is None until it is written."""

MOST = 2**53
MOST_INT = 2**31 - 1
_DEEPEST = 20
_EARLIEST, _LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


class Batch:
    """A run of changes from one connection, and what became of them."""

    def __init__(
        self, session: Session, connection: Connection, now: datetime, *, imported_at: datetime | None = None
    ) -> None:
        """`imported_at` is set on the customers whom this run makes known: a file told of them."""
        self.imported_at = imported_at
        self.session = session
        self.connection = connection
        self.store_id = connection.store_id
        self.now = now
        self.applied = 0
        self.stale = 0
        self.repeated = 0
        self.unmatched = 0
        self.erased = 0
        self._currency: str | None = None
        self._consent_policy: ConsentPolicy | None = None

    @property
    def currency(self) -> str:
        """The store's, for what comes without one."""
        if self._currency is None:
            self._currency = self.session.scalars(select(Store.currency).where(Store.id == self.store_id)).one()
        return self._currency

    @property
    def consent_policy(self) -> ConsentPolicy:
        """The store's rules of consent."""
        if self._consent_policy is None:
            stored = self.session.scalars(select(Store.consent).where(Store.id == self.store_id)).one()
            self._consent_policy = of_store(stored)
        return self._consent_policy

    def tally(self, *, is_newer: bool) -> None:
        """Count a change of state as applied or stale."""
        if is_newer:
            self.applied += 1
        else:
            self.stale += 1


class Shelf:
    """Rows of one table: loaded at once, changed in memory, written at once."""

    def __init__(
        self,
        batch: Batch,
        model: type[Record],
        *,
        named_by: Sequence[str] = ("external_id",),
        kept: Iterable[str] = (),
    ) -> None:
        """`named_by` are the columns that tell the store's rows apart, `kept` those that are never overwritten."""
        self._session = batch.session
        self._table = table_of(model)
        self._named_by = named_by
        self._columns = [c.name for c in self._table.columns if c.name not in {"id", "store_id", *kept}]
        self._new: list[Row] = []
        self._touched: dict[int, Row] = {}

    def load(self, *where: ColumnElement[bool], is_locked: bool = False) -> list[Row]:
        """The rows that there are; locked in the order of their ids until the transaction ends, where it matters that
        nobody else changes them in between.
        """
        wanted = select(self._table).where(*where)
        if is_locked:
            # What refers to a row may still be written: only who would change it waits.
            wanted = wanted.order_by(self._table.c.id).with_for_update(key_share=True)
        found = self._session.execute(wanted)
        return [dict(row) for row in found.mappings()]

    def add(self, row: Row) -> Row:
        """A row to insert."""
        self._new.append(row)
        return row

    def touch(self, row: Row) -> None:
        """Write this row back."""
        if row["id"] is not None:
            self._touched[row["id"]] = row

    def flush(self) -> None:
        """Write what is new and what was touched: two statements, however many rows."""
        self.write_touched()
        if self._new:
            values = [{k: v for k, v in row.items() if k != "id"} for row in self._new]
            # The new ids come back in any order, so each brings its row's name along.
            statement = insert(self._table).returning(self._table.c.id, *(self._table.c[n] for n in self._named_by))
            ids = {tuple(name): new_id for new_id, *name in self._session.execute(statement, values)}
            for row in self._new:
                row["id"] = ids[tuple(row[n] for n in self._named_by)]
            self._new = []

    def write_touched(self) -> None:
        """Write the rows that were there before."""
        if self._touched:
            statement = (
                update(self._table)
                .where(self._table.c.id == bindparam("_id"))
                .values({name: bindparam(f"_{name}") for name in self._columns})
            )
            rows = [
                {"_id": row["id"], **{f"_{name}": row[name] for name in self._columns}}
                for row in sorted(self._touched.values(), key=lambda r: r["id"])
            ]
            self._session.connection().execute(statement, rows)
            self._touched = {}


def is_newer(told: datetime | None, known: datetime | None) -> bool:
    """Whether news of `told` may overwrite a state of `known`; news without a date always may."""
    return told is None or known is None or told >= known


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of those that are there."""
    return min((i for i in instants if i is not None), default=None)


def latest(*instants: datetime | None) -> datetime | None:
    """The last of those that are there."""
    return max((i for i in instants if i is not None), default=None)


def within(amount: int, most: int = MOST) -> int:
    """The amount, cut to what a column holds."""
    return max(-most, min(most, amount))


def fill(row: Row, values: Row, *, newer: bool) -> None:
    """Take over what was mentioned: all of it from newer news, only what is missing from older."""
    for name, value in values.items():
        if value is not None and (newer or row[name] in (None, "", [], {})):
            row[name] = value


def sliced(changes: Sequence[Change], size: int) -> Iterable[Sequence[Change]]:
    """The changes, at most `size` at a time."""
    return (changes[i : i + size] for i in range(0, len(changes), size))


def cleaned(change: Any) -> Any:
    """The change without what a database cannot keep: NUL, lone surrogates, instants that no zone can hold."""
    fresh = {}
    for name, value in change.__dict__.items():
        made = _CLEAN.get(type(value), _nested)(value)
        if made is not value:
            fresh[name] = made
    return change.model_copy(update=fresh) if fresh else change


def _nested(value: Any) -> Any:
    return cleaned(value) if isinstance(value, Change) else value


def _text(value: str) -> str:
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _same(value: Any) -> Any:
    return value


def _list(value: list[Any]) -> list[Any]:
    made = [_CLEAN.get(type(v), _nested)(v) for v in value]
    return value if all(a is b for a, b in zip(made, value, strict=True)) else made


def _instant(value: datetime) -> datetime:
    if 2 < value.year < 9998:
        return value
    return min(max(value, _EARLIEST), _LATEST) if value.tzinfo else value


def plain(value: Any, depth: int = 0) -> Any:
    """Any value as JSON that both databases keep."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) <= MOST else str(value)[:40]
        case float():
            return value if value - value == 0 else None
        case str():
            return _text(value)
        case dict() if depth < _DEEPEST:
            return {_text(str(k)): plain(v, depth + 1) for k, v in value.items()}
        case list() | tuple() if depth < _DEEPEST:
            return [plain(v, depth + 1) for v in value]
        case _:
            return _text(str(value)[:1000])


_CLEAN: dict[type, Callable[[Any], Any]] = {
    str: _text,
    int: _same,
    bool: _same,
    type(None): _same,
    dict: plain,
    list: _list,
    datetime: _instant,
}

PRIVACY_TERM = timedelta(days=30)
"""The law's time to answer a request for access or erasure."""
