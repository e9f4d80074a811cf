"""A timetable gives back in SQL what Python put in, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import literal, select

from automation.app import App
from automation.models import Customer
from automation.timetable import INSTANT, NUMBER, TEXT, lives_in, stamp, timetable
from tests import make
from tests.conftest import NOW

ODD = datetime(2026, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
COLUMNS: dict[str, Any] = {"zone": TEXT, "month": NUMBER, "at": INSTANT}


def test_rows_come_out_as_they_went_in(app: App) -> None:
    rows = [("", 2, NOW), ('O\'Brien "ünd" Söhne', -7, ODD), ("Asia/Tokyo", 12, NOW - timedelta(days=9000))]
    with app.db.read() as session:
        found = [tuple(row) for row in session.execute(select(*timetable("due", COLUMNS, rows).c))]
    assert sorted(found) == sorted(rows)


def test_no_rows_are_no_rows(app: App) -> None:
    with app.db.read() as session:
        assert session.execute(select(*timetable("due", COLUMNS, []).c)).all() == []


def test_tables_of_another_shape_are_not_mistaken_for_one_that_is_known(app: App) -> None:
    row = ("2026", 2026)
    with app.db.read() as session:
        shapes: tuple[dict[str, Any], ...] = ({"a": TEXT, "b": NUMBER}, {"a": TEXT, "b": TEXT})
        for columns in shapes:
            due = timetable("due", columns, [row])
            there = [session.execute(select(due.c.b)).scalar_one(), session.execute(select(due.c.a)).scalar_one()]
            assert there[1] == "2026"
            # SQLite gives back what is in the list; PostgreSQL converts it.
            assert there[0] in (2026, "2026")
            assert app.db.is_sqlite or isinstance(there[0], int) == (columns["b"] is NUMBER)


def test_instants_compare_with_those_of_tables(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name, at in (("Ada", ODD), ("Ben", ODD - timedelta(microseconds=1)), ("Cleo", ODD + timedelta(seconds=1))):
            make.customer(session, store, name, created_at=at)
        due = timetable("due", COLUMNS, [("", 1, ODD)])
        later = select(Customer.first_name).join(due, Customer.created_at >= due.c.at).order_by(Customer.id)
        assert session.scalars(later).all() == ["Ada", "Cleo"]


def test_customers_without_a_zone_live_in_the_empty_one(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name, home in (("Ada", None), ("Ben", ""), ("Cleo", "Asia/Tokyo")):
            make.customer(session, store, name, timezone=home)
        due = timetable("due", {"zone": TEXT}, [("",)])
        here = select(Customer.first_name).join(due, lives_in(Customer.timezone.expression, due.c.zone))
        assert sorted(session.scalars(here)) == ["Ada", "Ben"]


def test_a_stamp_reads_alike_everywhere(app: App) -> None:
    with app.db.read() as session:
        assert session.scalar(select(stamp(literal(ODD, type_=INSTANT)))) == "2026-12-31 23:59:59"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        timetable("due", {"at": INSTANT}, [(datetime(2026, 3, 10),)])  # noqa: DTZ001  that is the mistake
