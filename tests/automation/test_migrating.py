from __future__ import annotations

from sqlalchemy import inspect

from automation import migrating
from automation.database import Database
from automation.models import Record


def test_an_empty_database_gets_every_table_once(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.sqlite")
    assert migrating.present(database) is None
    assert migrating.upgrade(database)
    assert migrating.present(database) == migrating.newest()
    assert set(Record.metadata.tables) <= set(inspect(database.engine).get_table_names())
    assert not migrating.upgrade(database)
    database.dispose()
