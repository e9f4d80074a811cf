"""Uploaded files in the database, and their local copies that are read from."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed
from automation.importing import sheets, workbooks
from automation.importing.sheets import Row, Shape
from automation.models import Import, ImportChunk
from automation.security import random_id
from automation.upsert import table_of

_PIECE = 1 << 20
MOST = 1_000_000_000
"""Bytes of a file."""


def keep(session: Session, import_id: int, path: Path) -> None:
    """Put a file into the database, piece by piece."""
    with path.open("rb") as file:
        for number, piece in enumerate(iter(lambda: file.read(_PIECE), b"")):
            session.connection().execute(
                insert(table_of(ImportChunk)), {"import_id": import_id, "number": number, "body": piece}
            )


def drop(app: App, session: Session, row: Import) -> None:
    """Forget a file: its rows are where they belong."""
    session.execute(delete(ImportChunk).where(ImportChunk.import_id == row.id))
    for path in _folder(app).glob(f"{row.public_id}*"):
        path.unlink(missing_ok=True)


def local(app: App, row: Import) -> Path:
    """A local copy of an import's file; made when there is none. Call it outside a transaction.

    Raises NotAllowed when the file is not kept any more.
    """
    path = _folder(app) / row.public_id
    if path.exists() and path.stat().st_size == row.size:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{random_id()[:8]}.new")
    with app.db.read() as session, _private(fresh) as file:
        pieces = session.scalar(select(func.count()).where(ImportChunk.import_id == row.id)) or 0
        for number in range(pieces):
            file.write(
                session.scalars(
                    select(ImportChunk.body).where(ImportChunk.import_id == row.id, ImportChunk.number == number)
                ).one()
            )
    if fresh.stat().st_size != row.size:
        fresh.unlink()
        raise NotAllowed("The file of this import is not kept any more: upload it again.")
    fresh.replace(path)
    return path


def rows(app: App, row: Import, skip: int = 0) -> Iterator[Row]:
    """The rows of an import's file behind the first `skip`.

    A workbook is written out as text once: to come to its millionth row again would take a minute each time.
    """
    shape = Shape(**row.shape)
    path = local(app, row)
    if shape.format == "csv":
        yield from sheets.rows(path, shape, skip)
        return
    copy = path.with_name(f"{path.name}.csv")
    if not copy.exists():
        fresh = path.with_name(f"{path.name}.{random_id()[:8]}.new")
        with _private(fresh):
            pass
        with fresh.open("w", encoding="utf-8", newline="", errors="replace") as file:
            writer = csv.writer(file)
            for line, cells in workbooks.rows(path):
                writer.writerow([line, *cells] if any(cells) or line == 1 else [line, ""])
        fresh.replace(copy)
    for _, (number, *cells) in sheets.rows(copy, Shape("csv", []), 0):
        if not any(cells):
            continue
        if skip:
            skip -= 1
            continue
        yield int(number), cells


def _folder(app: App) -> Path:
    return app.settings.data / "imports"


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
