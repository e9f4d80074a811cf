"""What takes long to play is played once per run; later tests get the rows that it left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select, text

from automation.app import App
from automation.models import Admin, Record, Store

Told = TypeVar("Told")

_files: dict[str, tuple[Path, Any]] = {}
_schemas: dict[tuple[str, str], Any] = {}


def replay(app: App, name: str, play: Callable[[App], Told]) -> Told:
    """Do `play` on the empty database, or put there what it left the first time; its answer is the same both times.

    Where something is there already it is played, as ever.
    """
    if not _is_empty(app):
        return play(app)
    if app.db.is_sqlite:
        return _file(app, name, play)
    key = (app.db.url, name)
    if key not in _schemas:
        _schemas[key] = play(app)
        _keep(app, name)
    else:
        _put_back(app, name)
    told: Told = _schemas[key]
    return told


def _is_empty(app: App) -> bool:
    with app.db.read() as session:
        return all(session.scalar(select(func.count()).select_from(model)) == 0 for model in (Store, Admin))


def _file(app: App, name: str, play: Callable[[App], Told]) -> Told:
    path = Path(app.db.engine.url.database or "")
    if name not in _files:
        told = play(app)
        # Beside the tests' own folders, which pytest clears away.
        kept = path.parent.parent / f"{name}-played.sqlite"
        kept.unlink(missing_ok=True)
        with app.db.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("VACUUM INTO ?", (str(kept),))
            connection.exec_driver_sql("BEGIN")
        _files[name] = kept, told
    else:
        app.db.dispose()
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        shutil.copy(_files[name][0], path)
    found: Told = _files[name][1]
    return found


def _keep(app: App, name: str) -> None:
    with app.db.engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
        for table in Record.metadata.sorted_tables:
            if connection.execute(text(f"SELECT EXISTS (SELECT FROM {table.name})")).scalar():
                connection.execute(text(f"CREATE TABLE {name}.{table.name} AS TABLE {table.name}"))


def _put_back(app: App, name: str) -> None:
    kept = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name")
    counted = {t.name for t in Record.metadata.sorted_tables if t.autoincrement_column is not None}
    with app.db.engine.begin() as connection:
        # A replica asks neither foreign keys nor the ledger's triggers.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in connection.execute(kept, {"name": name}).scalars():
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM {name}.{table}"))
            if table in counted:
                last = f"SELECT max(id) FROM {name}.{table}"
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), ({last}))"))
