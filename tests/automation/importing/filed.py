"""A store that files are taken into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from automation.actions import imports
from automation.app import App
from automation.importing.options import Options
from automation.models import Import, Record
from automation.stages.load import load
from tests import make
from tests.conftest import NOW

R = TypeVar("R", bound=Record)


class Desk:
    """Uploads files and takes them in."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        with app.db.write() as session:
            self.store_id = make.store(session).id

    def upload(self, kind: str, content: str | bytes, name: str = "people.csv", **options: Any) -> int:
        """The import's row id."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with self.app.db.write() as session:
            row = imports.upload(
                self.app, session, store_id=self.store_id, kind=kind, path=path, filename=name, now=NOW
            )
            if options:
                imports.change(session, row, NOW, options=Options(**options))
            return row.id

    def start(self, import_id: int, now: datetime = NOW) -> None:
        with self.app.db.write() as session:
            imports.start(session, session.get_one(Import, import_id), now)

    def work(self, limit: int = 10_000, now: datetime = NOW) -> None:
        while load(self.app, now, limit):
            pass

    def take(self, kind: str, content: str | bytes, name: str = "people.csv", **options: Any) -> Import:
        """Upload, start and finish."""
        import_id = self.upload(kind, content, name, **options)
        self.start(import_id)
        self.work()
        return self.one(Import, id=import_id)

    def rows(self, model: type[R], **where: Any) -> Sequence[R]:
        with self.app.db.read() as session:
            keys = list(model.__table__.primary_key.columns)  # type: ignore[attr-defined]  # a table has one
            found = session.scalars(select(model).filter_by(**where).order_by(*keys)).all()
            session.expunge_all()
            return found

    def one(self, model: type[R], **where: Any) -> R:
        (row,) = self.rows(model, **where)
        return row

    def refusals(self, import_id: int) -> list[tuple[int, str, str, str]]:
        return list(imports.refusals(self.app, import_id))
