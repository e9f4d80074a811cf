"""What holds for any changes at all: nothing makes `record()` raise, and the order of updates does not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import select

from automation.changes import (
    AnyChange,
    CartChanged,
    Change,
    CustomerChanged,
    Line,
    MailEvent,
    OrderChanged,
    OrderDelivered,
    OrderRefunded,
    Person,
    ProductChanged,
    VariantState,
)
from automation.intake import record
from automation.models import Cart, CartItem, Customer, Identity, Order, OrderItem, Product, Record, Variant
from tests.automation.intake.shop import Shop, ago
from tests.conftest import NOW

FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAUGHTY = st.sampled_from(["7", "8", "a\0b", "ünï", "' OR 1=1 --", "x" * 128])
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)) | st.sampled_from(  # noqa: DTZ001  hypothesis wants them naive
    [ago(1), ago(2), ago(3), NOW + timedelta(days=400)]
)
EMAILS = st.sampled_from(
    ["ada@example.com", "ADA@example.com", "bob@example.com", "no address", "nul\0@x.de", "ü@ü.de"]
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
AMOUNTS = st.sampled_from([0, 1999, 2**53, -(2**53)])


def _strategy(schema: type[Change]) -> st.SearchStrategy[dict[str, Any]]:
    """Raw values for a change's fields, many of them valid; those that are not are thrown away."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in schema.model_fields.items():
        words = str(field.annotation)
        if name == "type":
            found[name] = st.just(field.default)
            continue
        drawn = _values(name, words)
        found[name] = drawn if field.is_required() else st.none() | drawn
    return st.fixed_dictionaries(found).map(lambda d: {k: v for k, v in d.items() if v is not None})


def _values(name: str, words: str) -> st.SearchStrategy[Any]:
    if "Person" in words:
        return st.fixed_dictionaries({}, optional={"external_id": NAUGHTY, "email": EMAILS})
    if "Line" in words:
        lines = st.fixed_dictionaries(
            {"title": NAUGHTY, "quantity": st.sampled_from([0, 1, 10**6]), "price": AMOUNTS, "discount": AMOUNTS},
            optional={"product_external_id": NAUGHTY, "variant_external_id": NAUGHTY},
        )
        return st.lists(lines, max_size=3)
    if "VariantState" in words:
        states = {"external_id": NAUGHTY, "price": AMOUNTS, "stock": st.none() | st.sampled_from([0, 5, 2**40])}
        return st.lists(st.fixed_dictionaries(states), max_size=3)
    if "datetime" in words:
        return INSTANTS
    if "dict" in words:
        return st.dictionaries(st.text(max_size=5), JSONS, max_size=3)
    if "list" in words:
        return st.lists(NAUGHTY, max_size=3)
    if "bool" in words:
        return st.booleans()
    if "Literal" in words:
        return st.sampled_from([w.strip("' ") for w in words[words.index("[") + 1 : words.index("]")].split(",")])
    special = {"email": EMAILS, "currency": st.just("EUR"), "country": st.just("DE"), "name": st.just("product.viewed")}
    if name in special:
        return special[name]
    if "int" in words:
        return AMOUNTS | st.sampled_from([1, 2, 29, 31, 1990, 2**40])
    return NAUGHTY | st.just("payment")


_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyChange)
KINDS = [kind for kind in Change.__subclasses__() if "type" in kind.model_fields and kind is not MailEvent]


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Some valid changes of any kind."""
    found: list[Change] = []
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)):
        try:
            found.append(_ADAPTER.validate_python(draw(_strategy(kind))))
        except ValueError:
            continue
    return found


@FEW
@given(st.lists(changes(), min_size=1, max_size=3))
def test_no_valid_change_makes_recording_fail(shop: Shop, batches: list[list[Change]]) -> None:
    with shop.app.db.write() as session:
        for batch in batches:
            receipt = record(session, shop.connection, batch, NOW)
            counted = receipt.applied + receipt.stale + receipt.repeated + receipt.unmatched
            assert counted == len(batch)
        session.rollback()


def _story() -> list[Change]:
    """One shopper's updates; each says everything that the shop knows at its time."""
    ada = Person(external_id="7", email="ada@example.com")
    told: list[Change] = []
    for step in (1, 2, 3):
        at = ago(30 - step)
        lines = [Line(product_external_id="p1", title="Tea", quantity=step, price=100)]
        told += [
            CustomerChanged(external_id="7", email="ada@example.com", first_name=f"Ada {step}", updated_at=at),
            CartChanged(external_id="c1", lines=lines, updated_at=at, currency="EUR", created_at=ago(30)),
            CartChanged(
                external_id="c1",
                checkout_id="k1",
                checkout_at=ago(29),
                person=ada,
                lines=lines,
                currency="EUR",
                recovery_url="https://wren.example.com/k1",
                created_at=ago(30),
                updated_at=at,
            ),
            OrderChanged(
                external_id="o1",
                person=ada,
                cart_external_id="c1",
                currency="EUR",
                total=step * 100,
                lines=lines,
                placed_at=ago(10),
                paid_at=at,
                updated_at=at,
            ),
            ProductChanged(
                external_id="p1",
                title=f"Tea {step}",
                variants=[VariantState(external_id="v1", price=step * 100, stock=step)],
                created_at=ago(90),
                updated_at=at,
            ),
        ]
    return told


STORY = _story()
IGNORED = {"id", "customer_id", "product_id", "public_id", "updated_at", "recorded_at", "created_at"}
"""Numbers of rows and our own times; whose a thing is gets compared by name."""


def _state(shop: Shop, told: list[list[Change]]) -> Any:
    with shop.app.db.write() as session:
        for batch in told:
            record(session, shop.connection, batch, NOW)
        session.expire_all()

        def rows(model: type[Record]) -> list[Any]:
            columns = [c for c in model.__table__.columns if c.name not in IGNORED]
            return sorted(map(repr, session.execute(select(*columns)).all()))

        customer = session.scalars(select(Customer.id)).one()
        owners = {session.scalars(select(model.customer_id)).one() for model in (Cart, Order, Identity)}
        assert owners == {customer}
        found = [rows(m) for m in (Customer, Cart, Order, OrderItem, CartItem, Product, Variant)]
        session.rollback()
    return found


@FEW
@given(st.permutations(STORY), st.lists(st.booleans(), min_size=len(STORY), max_size=len(STORY)))
def test_updates_end_in_the_same_state_in_any_order_and_grouping(
    shop: Shop, told: list[Change], cuts: list[bool]
) -> None:
    batches: list[list[Change]] = [[]]
    for change, cut in zip(told, cuts, strict=True):
        if cut and batches[-1]:
            batches.append([])
        batches[-1].append(change)
    expected = _EXPECTED.setdefault(shop.app.db.is_sqlite, _state(shop, [STORY]))
    assert [r[1:] for r in _state(shop, batches)] == [r[1:] for r in expected]


_EXPECTED: dict[bool, Any] = {}


def test_refunds_and_deliveries_may_come_in_any_order_after_their_order(shop: Shop) -> None:
    def after(*told: Change) -> tuple[int, datetime | None]:
        with shop.app.db.write() as session:
            record(session, shop.connection, [STORY[3], *told], NOW)
            found = session.execute(select(Order.refunded, Order.delivered_at)).one()
            session.rollback()
        return found[0], found[1]

    refunds = [OrderRefunded(external_id=f"r{n}", order_external_id="o1", amount=n, at=ago(n)) for n in (1, 2)]
    arrivals = [OrderDelivered(order_external_id="o1", at=ago(n)) for n in (3, 4)]
    assert after(*refunds, *arrivals) == after(*reversed(arrivals), *reversed(refunds), *refunds) == (3, ago(4))
