"""Transactions: what is written is kept, what is read is not, and nobody waits for itself."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from automation.app import App
from automation.database import Database
from automation.errors import SetupError
from automation.models import Store
from tests import make


def _names(app: App) -> list[str]:
    with app.db.read() as session:
        return list(session.scalars(select(Store.name).order_by(Store.id)))


def test_an_exception_rolls_a_write_back(app: App) -> None:
    def fail() -> None:
        with app.db.write() as session:
            make.store(session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _names(app) == []


def test_what_a_reader_writes_is_not_kept(app: App) -> None:
    with app.db.read() as session:
        make.store(session)
    assert _names(app) == []


def test_writers_take_turns_and_none_is_lost(app: App) -> None:
    def write(number: int) -> None:
        for _ in range(5):
            with app.db.write() as session:
                make.store(session, name=str(number))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(app)) == 30


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_ever(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with pytest.raises(RuntimeError, match="inside another"), database.write(), database.write():
        pass
    with database.write() as session:
        session.execute(text("SELECT 1"))
    database.dispose()


def test_foreign_keys_hold_and_sqlite_is_set_for_power_cuts(app: App) -> None:
    with pytest.raises(DBAPIError), app.db.write() as session:
        session.execute(text("INSERT INTO topic_counts VALUES (999, 'x', true, 1, '2026-01-01')"))
    if app.db.is_sqlite:
        with app.db.read() as session:
            pragmas = [session.scalar(text(f"PRAGMA {p}")) for p in ("journal_mode", "synchronous", "foreign_keys")]
            version = session.scalar(text("SELECT sqlite_version()"))
        assert pragmas == ["wal", 2, 1]
        assert tuple(map(int, str(version).split("."))) >= (3, 51, 3)


def test_another_kind_of_database_is_refused_with_a_sentence() -> None:
    with pytest.raises(SetupError, match="sqlite or postgresql, not mysql"):
        Database("mysql://localhost/x")
