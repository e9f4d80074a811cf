"""Bulk writes: one statement, the same rows on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import event, select

from automation import bulk
from automation.app import App
from automation.models import Customer, Message, Store
from automation.security import random_id
from tests import make
from tests.conftest import NOW


def _rows(store: Store, count: int) -> list[dict[str, Any]]:
    return [
        {
            "public_id": random_id(),
            "store_id": store.id,
            "email": f"{i}@example.com" if i else None,
            "email_key": f"{i}@example.com" if i else None,
            "first_name": "Zoë “Łucja” 🛒",
            "last_name": "",
            "phone": "",
            "birthday_month": 2,
            "tags": ["vip", "it's"],
            "attributes": {"size": {"shoe": 42}},
            "notes": "",
            "source": {},
            "created_at": NOW + timedelta(microseconds=i),
            "updated_at": NOW,
        }
        for i in range(count)
    ]


def test_inserted_rows_read_back_as_they_were(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        assert bulk.insert(session, Customer, _rows(store, 3)) == 3
    with app.db.read() as session:
        found = session.scalars(select(Customer).order_by(Customer.id)).all()
    assert [c.created_at for c in found] == [NOW + timedelta(microseconds=i) for i in range(3)]
    assert found[0].email is None
    assert found[1].first_name == "Zoë “Łucja” 🛒"
    assert found[1].tags == ["vip", "it's"]
    assert found[1].attributes == {"size": {"shoe": 42}}


def test_conflicting_rows_are_left_out_when_told_so(app: App) -> None:
    with app.db.write() as session:
        rows = _rows(make.store(session), 2)
        bulk.insert(session, Customer, rows)
        again = [{**row, "public_id": random_id()} for row in rows[1:]]
        assert bulk.insert(session, Customer, again, ignore_conflicts=True) == 0


def test_an_update_changes_only_the_rows_and_columns_it_names(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, ben, cleo = (make.customer(session, store, name) for name in ("Ada", "Ben", "Cleo"))
        changed = bulk.update(
            session,
            Customer,
            [
                {"id": ada.id, "city": "Bern", "tags": ["a"], "engaged_at": NOW},
                {"id": ben.id, "city": None, "tags": [], "engaged_at": None},
            ],
        )
        assert sorted(changed) == [ada.id, ben.id]
    with app.db.read() as session:
        found = {c.first_name: c for c in session.scalars(select(Customer))}
    assert (found["Ada"].city, found["Ada"].tags, found["Ada"].engaged_at) == ("Bern", ["a"], NOW)
    assert found["Ben"].tags == []
    assert found["Cleo"].updated_at == cleo.updated_at
    assert found["Ada"].email == "ada@example.com"


def test_a_thousand_rows_are_one_statement(app: App) -> None:
    seen: list[str] = []
    with app.db.write() as session:
        store = make.store(session)
        event.listen(app.db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        bulk.insert(session, Customer, _rows(store, 1000))
        ids = session.scalars(select(Customer.id)).all()
        seen.clear()
        assert len(bulk.update(session, Customer, [{"id": i, "city": str(i)} for i in ids])) == 1000
    assert len(seen) == 1


def test_a_lost_fence_changes_nothing(app: App) -> None:
    with app.db.write() as session:
        message = make.message(session, make.customer(session, make.store(session)), fence=2)
        assert bulk.update(session, Message, [{"id": message.id, "fence": 1, "reason": "late"}], fence=True) == []
        assert bulk.update(session, Message, [{"id": message.id, "fence": 2, "reason": "mine"}], fence=True) == [
            message.id
        ]
        session.refresh(message)
        assert (message.reason, message.fence) == ("mine", 2)
