from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.models import Connection, Customer, Event, InboundWebhook, Product, Store, Suppression
from tests import make
from tests.conftest import NOW


def _product(store: Store, external_id: str, **values: Any) -> dict[str, Any]:
    return {
        "store_id": store.id,
        "external_id": external_id,
        "title": "Teacup",
        "price": 1295,
        "tags": ["blue", "ünïcode", {"nested": None}],
        "stock": None,
        "created_at": NOW,
        "updated_at": NOW,
        **values,
    }


def test_rows_that_were_inserted_read_back_as_if_the_session_had_added_them(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        bulk.insert(session, Product, [_product(store, "a"), _product(store, "b", title='Quote " and \n line')])
    with app.db.read() as session:
        a, b = session.scalars(select(Product).order_by(Product.external_id))
        assert (a.title, a.price, a.stock, a.created_at) == ("Teacup", 1295, None, NOW)
        assert a.tags == ["blue", "ünïcode", {"nested": None}]
        assert (a.state, a.category) == ("active", "")  # the model's defaults
        assert b.title == 'Quote " and \n line'
        # Found by an ordinary comparison too: the instants are spelt as the database spells them.
        assert session.scalar(select(Product.id).where(Product.created_at == NOW, Product.external_id == "a")) == a.id


def test_bytes_booleans_and_microseconds_survive(app: App) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    with app.db.write() as session:
        store = make.store(session)
        connection = Connection(
            public_id="c", store_id=store.id, role="platform", kind="api", name="x", secrets=b"", created_at=NOW
        )
        session.add(connection)
        session.flush()
        row = {
            "connection_id": connection.id,
            "delivery_id": "d",
            "topic": "t",
            "body": b"\x00\xff{",
            "received_at": at,
        }
        bulk.insert(session, InboundWebhook, [row])
        bulk.update(session, Store, [{"id": store.id, "is_paused": True}])
    with app.db.read() as session:
        hook = session.scalars(select(InboundWebhook)).one()
        assert (hook.body, hook.received_at) == (b"\x00\xff{", at)
        assert session.scalars(select(Store)).one().is_paused is True


def test_known_rows_are_skipped_or_replaced_and_new_ones_answered(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        bulk.insert(session, Product, [_product(store, "a")])
        rows = [_product(store, "a", title="New"), _product(store, "b", title="New")]
        written = bulk.insert(session, Product, rows, skip=True, returning=[Product.external_id])
        assert [r.external_id for r in written] == ["b"]
        bulk.insert(session, Product, rows, skip=("store_id", "external_id"), replace=["title"])
    with app.db.read() as session:
        assert list(session.scalars(select(Product.title))) == ["New", "New"]


def test_an_update_touches_only_rows_whose_whole_key_and_guard_match(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        bulk.insert(session, Product, [_product(store, x) for x in "abc"])
        ids = {row.external_id: row.id for row in session.execute(select(Product.external_id, Product.id))}
        touched = bulk.update(
            session,
            Product,
            [
                {"id": ids[x], "external_id": e, "stock": s}
                for x, e, s in (("a", "a", 1), ("b", "other", 2), ("c", "c", 3))
            ],
            key=("id", "external_id"),
            where=Product.external_id != "c",
            values={"updated_at": NOW + timedelta(days=1)},
            returning=[Product.id],
        )
        assert [r.id for r in touched] == [ids["a"]]
    with app.db.read() as session:
        stocks = session.execute(select(Product.external_id, Product.stock).order_by(Product.external_id))
        assert [tuple(s) for s in stocks] == [("a", 1), ("b", None), ("c", None)]


def test_given_rows_join_like_a_table(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store, "Ada"), make.customer(session, store, "Bob")
        given = bulk.table(session, [Customer.id], [{"id": bob.id}])
        assert session.scalars(select(Customer).join(given, given.c.id == Customer.id)).all() == [bob]
        assert ada.id != bob.id


def test_any_number_of_rows_is_one_statement(app: App) -> None:
    seen: list[str] = []
    with app.db.write() as session:
        store = make.store(session)
        event.listen(app.db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        bulk.insert(session, Product, [_product(store, str(n)) for n in range(300)])
        bulk.insert(session, Product, [_product(store, f"x{n}") for n in range(3)])
        bulk.insert(session, Product, [])
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_a_row_that_lacks_a_column_is_named(app: App) -> None:
    with app.db.write() as session, pytest.raises(ValueError, match="one lacks 'reason'"):
        bulk.insert(session, Suppression, [{"store_id": 1, "reason": "manual"}, {"store_id": 1}])


def test_an_instant_without_a_zone_is_refused(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        with pytest.raises(ValueError, match="no time zone"):
            bulk.insert(session, Product, [_product(store, "a", created_at=datetime(2026, 1, 1))])  # noqa: DTZ001


def _round_trip(session: Session, store: Store, properties: dict[str, Any]) -> dict[str, Any]:
    row = {"store_id": store.id, "name": "product.viewed", "properties": properties, "at": NOW, "recorded_at": NOW}
    found = bulk.insert(session, Event, [row], returning=[Event.properties])
    return dict(found[0].properties)


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(properties=st.dictionaries(_text, _json, max_size=4))
def test_any_json_comes_back_equal(app: App, properties: dict[str, Any]) -> None:
    with app.db.write() as session:
        store = make.store(session)
        assert _round_trip(session, store, properties) == properties
