"""From a data set to bytes, a page at a time: memory does not grow with the store."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson

from automation.app import App
from automation.errors import NotAllowed
from automation.exporting.datasets import DATASETS, Dataset, Values
from automation.importing.cells import guard, written_words

Format = Literal["csv", "jsonl"]
FORMATS: dict[str, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
"""Each format's content type."""
_AT_ONCE = 1000


def export(app: App, store_id: int, name: str, form: Format, now: datetime) -> Iterator[bytes]:
    """A store's data set, piece by piece; each page is read in a transaction of its own.

    Rows that come in meanwhile may or may not be in it. Raises NotAllowed for a data set or a format that there is not.
    """
    dataset = DATASETS.get(name)
    if dataset is None or form not in FORMATS:
        raise NotAllowed(f"There is {', '.join(DATASETS)} as {' or '.join(FORMATS)}.")
    return _pieces(app, store_id, dataset, form, now)


def _pieces(app: App, store_id: int, dataset: Dataset, form: Format, now: datetime) -> Iterator[bytes]:
    if form == "csv":
        yield _csv([list(dataset.columns)])
    query = dataset.query(store_id, now)
    key = next(iter(query.selected_columns))
    after = 0
    while True:
        with app.db.read() as session:
            rows = session.execute(query.where(key > after).order_by(key).limit(_AT_ONCE)).all()
            made = dataset.page(session, rows) if rows else []
        if not rows:
            return
        after = rows[-1][0]
        yield (
            _csv([[_cell(row[c]) for c in dataset.columns] for row in made]) if form == "csv" else _lines(dataset, made)
        )


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def _lines(dataset: Dataset, rows: Sequence[Values]) -> bytes:
    return b"".join(
        orjson.dumps({c: row[c] for c in dataset.columns}, default=str, option=orjson.OPT_APPEND_NEWLINE)
        for row in rows
    )


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
        case list() if all(isinstance(one, str) for one in value):
            return guard(written_words(value))
        case list() | dict():
            return guard(orjson.dumps(value).decode()) if value else ""
        case _:
            return guard(str(value))
