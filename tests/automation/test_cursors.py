from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

from sqlalchemy import select

from automation import cursors
from automation.app import App
from automation.models import Cursor
from tests.conftest import NOW


def test_two_workers_may_both_be_the_first_to_note_how_far_they_read(app: App) -> None:
    together, failures = Barrier(2), []

    def read_on(position: int) -> None:
        try:
            together.wait()
            with app.db.write() as session:
                session.execute(select(Cursor)).all()
                if not app.db.is_sqlite:  # there, one writer waits for the other
                    together.wait()
                cursors.move(session, "reading", position, NOW)
        except Exception as error:  # noqa: BLE001  the test must hear of it
            failures.append(error)

    workers = [Thread(target=read_on, args=(n,)) for n in (7, 8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with app.db.read() as session:
        assert session.get_one(Cursor, "reading").position in (7, 8)


def test_a_cursor_moves_on(app: App) -> None:
    for position in (3, 9):
        with app.db.write() as session:
            cursors.move(session, "reading", position, NOW + timedelta(hours=position))
    with app.db.read() as session:
        row = session.get_one(Cursor, "reading")
        assert (row.position, row.at) == (9, NOW + timedelta(hours=9))
