from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Customer, DueItem
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def item(session: Session, customer: Customer, **values: Any) -> DueItem:
    row = DueItem(
        store_id=customer.store_id,
        customer_id=customer.id,
        **{
            "kind": "appointment",
            "external_id": "a1",
            "title": "Kiln workshop",
            "due_at": datetime(2026, 3, 12, 1, 30, tzinfo=UTC),
            "created_at": NOW,
            "updated_at": NOW,
            **values,
        },
    )
    session.add(row)
    session.flush()
    return row


def test_date_and_hour_are_those_of_the_customers_clock(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session), timezone="America/New_York")
        due = item(session, ada)
        row = message(session, ada, "due_item", **make.about(session, ada, "due_item", due.id))
    found = value(app, row, "due_item")
    assert (found["title"], found["due_on"], found["time"], found["days"]) == (
        "Kiln workshop",
        "2026-03-11",
        "21:30",
        1,
    )


def test_what_is_overdue_counts_below_zero(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        due = item(session, ada, kind="payment", amount=4200, due_at=datetime(2026, 3, 3, 8, tzinfo=UTC))
        row = message(session, ada, "due_item", **make.about(session, ada, "due_item", due.id))
    found = value(app, row, "due_item")
    assert (found["amount"], found["currency"], found["days"]) == (4200, "EUR", -7)


def test_nobody_is_reminded_of_what_another_owes(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        due = item(session, make.customer(session, store))
        eve = make.customer(session, store, "Eve")
        row = message(session, eve, "due_item", **make.about(session, eve, "due_item", due.id))
    assert value(app, row, "due_item")["title"] == ""
