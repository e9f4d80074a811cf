from datetime import timedelta
from typing import Any

import pytest

from automation.app import App
from automation.models import SpecialDate
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def anniversary(app: App, of: str, days: int = 0, name: str = "", **customer: Any) -> dict[str, Any]:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, **customer)
        subject = ada.id
        if of == "first_order":
            subject = make.order(session, store, ada, NOW - timedelta(days=365)).id
        if of == "special_date":
            row = SpecialDate(store_id=store.id, customer_id=ada.id, name=name, month=3, day=10, year=2021)
            row.created_at = row.updated_at = NOW
            session.add(row)
            session.flush()
            subject = row.id
        origin = make.about(
            session, ada, "date_anniversary", subject, anchor_at=NOW + timedelta(days=days), of=of, name=name
        )
        written = message(session, ada, "anniversary", **origin)
    found: dict[str, Any] = value(app, written, "anniversary")
    return found


def test_a_birthday_tells_the_age_only_where_the_year_is_known(app: App) -> None:
    known = anniversary(app, "birthday", birthday_month=3, birthday_day=10, birthday_year=1990)
    assert known == {"of": "birthday", "name": "", "on": "2026-03-10", "days": 0, "years": 36}


def test_a_birthday_without_a_year_has_no_age(app: App) -> None:
    assert anniversary(app, "birthday", birthday_month=3, birthday_day=10)["years"] is None


def test_a_special_date_has_its_name_in_plain_words(app: App) -> None:
    found = anniversary(app, "special_date", 7, "wedding_day")
    assert (found["name"], found["years"], found["days"], found["on"]) == ("wedding day", 5, 7, "2026-03-17")


@pytest.mark.parametrize("of", ["first_order", "customer_since"])
def test_years_as_a_customer_are_counted(app: App, of: str) -> None:
    assert anniversary(app, of, created_at=NOW - timedelta(days=365))["years"] == 1
