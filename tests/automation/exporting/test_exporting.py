from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import tempfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from automation import intake
from automation.actions import imports
from automation.app import App, build
from automation.changes import (
    Change,
    ConsentChanged,
    CustomerChanged,
    DueItemChanged,
    EventHappened,
    Line,
    OrderChanged,
    Person,
    ProductChanged,
)
from automation.consents import ConsentLine, note
from automation.errors import NotAllowed
from automation.exporting import DATASETS, export
from automation.exporting.audience import googled
from automation.importing.cells import DANGEROUS, guard, unguard
from automation.importing.options import Options
from automation.models import Connection, Customer, Identity
from automation.settings import Settings
from automation.stages.load import load
from automation.suppressions import Suppressed, suppress
from tests import make
from tests.conftest import NOW

CASES = 300 if os.environ.get("CARTWHEEL_EVERY_FAULT") else 2
FILED = ("products", "customers", "consents", "orders", "events", "due_items", "suppressions")
NOT_TAKEN = {"consents": {"recorded_at"}, "customers": {"consents", "engaged_at"}}

# What a database keeps and a person might write: no zero characters, and not blanks alone.
texts = st.text(
    st.one_of(st.sampled_from("=+-@'\t\r\n,;\"[]{}% é🫖"), st.characters(codec="utf-8", exclude_characters="\x00")),
    max_size=20,
).filter(lambda t: not t or bool(t.strip()))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 9)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001  UTC follows
values = st.one_of(texts, st.integers(-(2**40), 2**40), st.booleans(), st.none())
records = st.dictionaries(texts.filter(bool), values, max_size=3)
people = st.sampled_from("abcd")


@st.composite
def person_told(draw: st.DrawFn, who: str) -> list[Change]:
    """What is told of one person."""
    told: list[Change] = []
    person = Person(email=f"{who}+tea@example.com")
    told.append(
        CustomerChanged(
            email=person.email,
            first_name=draw(texts),
            last_name=draw(texts),
            phone=draw(texts),
            birthday_month=2,
            birthday_day=draw(st.integers(1, 29)),
            birthday_year=draw(st.none() | st.just(2000)),
            tags=draw(st.lists(texts.filter(bool), max_size=3, unique=True)),
            attributes=draw(records),
            source=draw(records),
            special_dates=draw(
                st.dictionaries(st.sampled_from(["wedding", "pet_day"]), st.sampled_from(["02-29", "2015-06-01"]))
            ),
            created_at=draw(instants),
            updated_at=draw(instants),
        )
    )
    return [*told, *draw(dealings(person))]


@st.composite
def dealings(draw: st.DrawFn, person: Person) -> list[Change]:
    """What they agreed to, bought and owe."""
    told: list[Change] = []
    who = str(person.email)[0]
    told += [
        ConsentChanged(
            person=person,
            status=draw(st.sampled_from(["granted", "withdrawn", "pending"])),
            at=draw(instants),
            source=draw(st.sampled_from(["form", "unsubscribe", "platform", "complaint"])),
            wording=draw(texts),
            ip="192.0.2.1",
            detail=draw(texts),
            topic=draw(st.sampled_from(["marketing", "tea"])),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    told += [
        EventHappened(name="review.left", person=person, at=draw(instants), properties=draw(records)),
        OrderChanged(
            external_id=f"o{who}",
            number=draw(texts),
            person=person,
            currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
            total=draw(st.integers(-(10**9), 10**9)),
            codes=draw(st.lists(texts.filter(bool), max_size=2)),
            lines=[Line(title=draw(texts), quantity=1, price=5)],
            source=draw(records),
            placed_at=draw(instants),
            paid_at=draw(st.none() | instants),
        ),
        DueItemChanged(
            kind="payment",
            external_id=f"d{who}",
            person=person,
            title=draw(texts),
            amount=draw(st.none() | st.integers(0, 10**9)),
            due_at=draw(instants),
            done_at=draw(st.none() | instants),
            properties=draw(records),
        ),
    ]
    return told


@st.composite
def stores(draw: st.DrawFn) -> list[Change]:
    """What some shop tells."""
    told: list[Change] = [
        ProductChanged(
            external_id=f"p{n}",
            title=draw(texts.filter(bool)),
            description=draw(texts),
            tags=draw(st.lists(texts.filter(bool), max_size=3, unique=True)),
            price=draw(st.integers(0, 10**6)),
            stock=draw(st.none() | st.integers(0, 9)),
            updated_at=draw(instants),
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    for who in draw(st.lists(people, max_size=4, unique=True)):
        told += draw(person_told(who))
    return told


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """What others than the shop wrote on a customer."""
    counts = st.none() | st.integers(1, 9)
    return {
        "notes": draw(texts),
        "paused_until": draw(st.none() | instants),
        "most_per_week": draw(counts),
        "most_per_month": draw(counts),
    }


def written(app: App, store_id: int, name: str, form: Any = "csv") -> bytes:
    return b"".join(export(app, store_id, name, form, NOW))


def read(name: str, content: bytes) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    for row in rows:
        for column in NOT_TAKEN.get(name, ()):
            del row[column]
    return sorted(rows, key=repr)


def installed(folder: Path, empty: Path) -> App:
    shutil.copy(empty, folder / "cartwheel.sqlite")
    return build(Settings(data=folder, secret_key="a key for tests only, long enough"))


@pytest.fixture(scope="module")
def empty(_empty_sqlite: Path) -> Path:
    return _empty_sqlite


@settings(
    max_examples=CASES,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(told=stores(), wished=st.lists(wishes(), min_size=4, max_size=4))
def test_what_was_written_out_comes_in_elsewhere_as_it_was(
    empty: Path, told: list[Change], wished: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        old, new = installed(folder / "a", empty), installed(folder / "b", empty)
        try:
            with old.db.write() as session:
                store = make.store(session)
                shop = make.connection(old, session, store, "platform", "shopify", secret="shh", currency="EUR")
                intake.record(session, session.get_one(Connection, shop.id), told, NOW)
                suppress(
                    session,
                    [Suppressed(store_id=store.id, email_key="=x@example.com", reason="manual", at=NOW, detail="-1")],
                )
            with old.db.write() as session:
                for customer, said in zip(session.scalars(select(Customer)), wished, strict=False):
                    session.execute(update(Customer).where(Customer.id == customer.id).values(said))
            with new.db.write() as session:
                other = make.store(session).id
            for kind in FILED:
                before = written(old, store.id, kind)
                path = folder / f"{kind}.csv"
                path.write_bytes(before)
                _take(new, other, kind, path)
                assert read(kind, written(new, other, kind)) == read(kind, before), kind
        finally:
            old.close()
            new.close()


def _take(app: App, store_id: int, kind: str, path: Path) -> None:
    with app.db.write() as session:
        row = imports.upload(app, session, store_id=store_id, kind=kind, path=path, filename=path.name, now=NOW)
        imports.change(session, row, NOW, options=Options(as_recorded=True))
        imports.start(session, row, NOW)
        import_id = row.id
    while load(app, NOW, 10_000):
        pass
    found = list(imports.refusals(app, import_id))
    assert found == []


@given(texts)
def test_no_cell_begins_like_a_formula_and_guarding_loses_nothing(text: str) -> None:
    cell = guard(text)
    assert not cell.startswith(DANGEROUS[:-1])
    assert unguard(cell) == text


def test_every_data_set_is_written_in_both_forms(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, tags=["=HYPERLINK(1)"])
        make.order(session, store, ada, NOW)
        make.message(session, ada)
        make.cart(session, store, ada, NOW)
        shop = make.connection(app, session, store, "platform", "shopify", secret="shh", currency="EUR")
        for number in ("7", "8"):
            session.add(Identity(connection_id=shop.id, external_id=number, customer_id=ada.id))
        make.event(session, store, ada, "review.left", NOW, stars=5)
        store_id = store.id
    for name, dataset in DATASETS.items():
        head, *rows = csv.reader(io.StringIO(written(app, store_id, name).decode(), newline=""))
        assert tuple(head) == dataset.columns
        lines = [orjson.loads(line) for line in written(app, store_id, name, "jsonl").splitlines()]
        assert len(lines) == len(rows)
        assert all(tuple(line) == dataset.columns for line in lines)
    [cart] = [orjson.loads(line) for line in written(app, store_id, "carts", "jsonl").splitlines()]
    assert (cart["email"], len(cart["lines"]), cart["total"]) == ("ada@example.com", 1, "12.95")
    told = [orjson.loads(line) for line in written(app, store_id, "identities", "jsonl").splitlines()]
    assert [(one["email"], one["platform"], one["external_id"]) for one in told] == [
        ("ada@example.com", "shopify", "7"),
        ("ada@example.com", "shopify", "8"),
    ]
    assert "'=HYPERLINK(1)" in written(app, store_id, "customers").decode()
    with pytest.raises(NotAllowed):
        export(app, store_id, "secrets", "csv", NOW)


def test_an_audience_holds_only_who_agreed_and_may_be_mailed_and_no_address(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada")
        make.customer(session, store, "Bob", consent=False)
        make.customer(session, store, "Cleo")
        make.customer(session, store, "Dora", erased_at=NOW)
        was = make.customer(session, store, "Eve", consent=False)
        line = ConsentLine(
            store_id=store.id,
            customer_id=was.id,
            status="granted",
            source="purchase",
            basis="implied",
            at=NOW - timedelta(days=9),
            expires_at=NOW,
        )
        note(session, [line], NOW - timedelta(days=9))
        suppress(session, [Suppressed(store_id=store.id, email_key="cleo@example.com", reason="complaint", at=NOW)])
        store_id, key = store.id, ada.email_key or ""
    found = written(app, store_id, "audience").decode().split()
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert found == ["email_sha256,google_email_sha256", f"{digest},{digest}"]
    assert googled("a.d.a+tea@gmail.com") == "ada@gmail.com"


def test_memory_does_not_grow_with_the_store(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        rows = [
            Customer(
                public_id=f"c{n}",
                store_id=store.id,
                email=f"c{n}@example.com",
                created_at=NOW,
                updated_at=NOW,
                attributes={"pad": "x" * 200},
            )
            for n in range(4000)
        ]
        session.add_all(rows)
        store_id = store.id
    size = 0
    pieces = export(app, store_id, "customers", "csv", NOW)
    tracemalloc.start()
    for piece in pieces:
        size += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 1_000_000
    assert peak < 40_000_000
