from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import delete, event, func, select

from automation import engagement, intake, unsubscribing
from automation.app import App
from automation.changes import (
    Change,
    ConsentChanged,
    CustomerChanged,
    EventHappened,
    MailEvent,
    OrderChanged,
    Person,
    PrivacyRequested,
)
from automation.consents import ConsentLine, note
from automation.engagement import Hit
from automation.erasing import requests
from automation.erasing.access import access, held
from automation.erasing.erase import erase
from automation.erasing.personal import HELD, unclassified
from automation.models import (
    Connection,
    ConsentState,
    Customer,
    Enrolment,
    ErasedPerson,
    Message,
    Order,
    PrivacyRequest,
    Record,
    Store,
    Suppression,
)
from automation.stages.fulfil import fulfil
from tests import make
from tests.automation.erasing.conftest import AGENT, IP
from tests.conftest import NOW

People = tuple[int, int]
DAY = timedelta(days=1)


def dump(app: App) -> str:
    """Every row of every table as text."""
    with app.db.read() as session:
        return "\n".join(
            f"{table.name}: {[v.decode('utf-8', 'replace') if isinstance(v, bytes) else v for v in row]}"
            for table in Record.metadata.sorted_tables
            for row in session.execute(select(table))
        )


def erased(app: App, customer_id: int) -> None:
    with app.db.write() as session:
        assert erase(session, session.get_one(Customer, customer_id), NOW)


def tell(app: App, *changes: Change, kind: str = "shopify") -> intake.Receipt:
    with app.db.write() as session:
        shop = session.scalars(select(Connection).where(Connection.kind == kind).order_by(Connection.id)).first()
        assert shop is not None
        return intake.record(session, shop, changes, NOW + DAY)


def test_every_column_was_thought_about() -> None:
    assert unclassified() == [], "say in automation/erasing/personal.py what erasure does with these columns"


def test_nothing_that_names_the_person_is_left_anywhere_and_the_neighbour_keeps_everything(
    app: App, people: People
) -> None:
    before = dump(app)
    assert "Ada" in before
    erased(app, people[0])
    left = dump(app)
    kept = (
        "cart-ada",
        "order-ada",
        "door:ada",
        "d1-ada",
        "d2-ada",
        "d3-ada",
        "imp-ada",
        "w-ada",
    )  # others' names of it
    for line in left.lower().splitlines():
        if "bobby" not in line:
            stripped = line
            for name in kept:
                stripped = stripped.replace(name, "")
            assert not any(needle in stripped for needle in ("ada", IP, AGENT.lower())), line
    assert [line for line in before.splitlines() if "Bobby" in line or "bobby" in line] == [
        line for line in left.splitlines() if "Bobby" in line or "bobby" in line
    ]


def test_what_was_on_its_way_stops_and_figures_stay_without_a_name(app: App, people: People) -> None:
    erased(app, people[0])
    with app.db.read() as session:
        message = session.scalars(select(Message).where(Message.customer_id == people[0])).one()
        assert (message.state, message.reason) == ("dropped", "erased")
        place = session.scalars(select(Enrolment).where(Enrolment.customer_id == people[0])).one()
        assert (place.state, place.exit_reason) == ("exited", "the customer was erased")
        assert session.scalar(select(func.sum(Order.total))) == 2 * 2590
        row = session.get_one(Customer, people[0])
        assert (row.email, row.first_name, row.erased_at) == (None, "", NOW)


def test_no_sync_and_no_back_fill_brings_them_back(app: App, people: People) -> None:
    erased(app, people[0])
    by_id, by_address = Person(external_id="id-Ada"), Person(email="ADA@example.com")
    receipt = tell(
        app,
        CustomerChanged(external_id="id-Ada", email="ada@example.com", first_name="Ada"),
        EventHappened(name="review.left", person=by_address, at=NOW, properties={"by": "Ada"}),
        ConsentChanged(person=by_address, status="granted", at=NOW, source="platform"),
        OrderChanged(external_id="o-late", person=by_id, currency="EUR", total=700, placed_at=NOW, number="#Ada-9"),
    )
    assert receipt.erased == 4
    with app.db.read() as session:
        assert session.scalars(select(Customer).where(Customer.email_key == "ada@example.com")).all() == []
        late = session.scalars(select(Order).where(Order.external_id == "o-late")).one()
        assert (late.total, late.customer_id, late.email_key, late.number) == (700, None, None, "")


def test_they_may_come_back_themselves_with_an_empty_past(app: App, people: People) -> None:
    erased(app, people[0])
    ada = Person(email="ada@example.com")
    tell(
        app,
        CustomerChanged(email="ada@example.com", first_name="Ada"),
        ConsentChanged(person=ada, status="granted", at=NOW + DAY, source="form", wording="Yes"),
    )
    with app.db.read() as session:
        row = session.scalars(select(Customer).where(Customer.email_key == "ada@example.com")).one()
        assert row.id != people[0]
        assert session.get_one(ConsentState, (row.id, "marketing")).status == "granted"
        # A complaint of theirs is not forgotten by the way.
        assert (
            session.scalars(select(Suppression.reason).where(Suppression.email_key == row.email_key)).one()
            == "complaint"
        )
    assert tell(app, CustomerChanged(external_id="id-Ada", email="ada@example.com", city="Ockham")).applied == 1


def test_erasing_twice_changes_nothing(app: App, people: People) -> None:
    erased(app, people[0])
    before = dump(app)
    with app.db.write() as session:
        assert not erase(session, session.get_one(Customer, people[0]), NOW + DAY)
    assert dump(app) == before


def test_access_gives_everything_of_the_person_and_nothing_of_others(app: App, people: People) -> None:
    with app.db.read() as session:
        packed = access(session, session.get_one(Customer, people[0]), "Wren & Thistle", NOW)
        found = held(session, session.get_one(Customer, people[0]))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
        assert orjson.loads(archive.read("customers.json"))[0]["email"] == "ada@example.com"
    for said in (
        "Ada-Lovelace",
        "Ada-cat",
        "Ada liked it",
        "Rent of Ada",
        "192.0.2.77",
        "Ada wants a call",
        "ADA@EXAMPLE",
    ):
        assert said in text, said
    assert "Bobby" not in text
    assert set(found) <= {*HELD, "webhooks"}
    assert len(found["webhooks"]) == 2


def test_erasure_takes_as_many_statements_for_a_long_history_as_for_a_short_one(app: App, people: People) -> None:
    def counted(customer_id: int) -> int:
        count = 0

        def one(*_: object) -> None:
            nonlocal count
            count += 1

        event.listen(app.db.engine, "before_cursor_execute", one)
        erased(app, customer_id)
        event.remove(app.db.engine, "before_cursor_execute", one)
        return count

    with app.db.write() as session:
        row = session.get_one(Customer, people[1])
        lines = [
            ConsentLine(store_id=row.store_id, customer_id=row.id, status="granted", source="form", at=NOW - n * DAY)
            for n in range(50)
        ]
        note(session, lines, NOW)
    assert counted(people[0]) == counted(people[1])


def test_a_shops_request_to_erase_is_carried_out_by_itself(app: App, people: People) -> None:
    ada = Person(external_id="id-Ada", email="ada@example.com")
    stranger = Person(external_id="s-1", email="stranger@example.com")
    tell(app, *(PrivacyRequested(kind="erasure", person=p, detail={"orders_to_redact": [1]}) for p in (ada, stranger)))
    assert fulfil(app, NOW + DAY, 20) == 2
    assert fulfil(app, NOW + DAY, 20) == 0
    with app.db.read() as session:
        assert session.get_one(Customer, people[0]).erased_at == NOW + DAY
        done = session.scalars(select(PrivacyRequest).where(PrivacyRequest.kind == "erasure")).all()
        assert [(r.done_at, r.detail, r.external_id) for r in done] == [(NOW + DAY, {}, "")] * 2
    assert tell(app, CustomerChanged(email="Stranger@example.com")).erased == 1
    assert "stranger" not in dump(app).lower()


def test_a_store_may_want_to_be_asked_first(app: App, people: People) -> None:
    with app.db.write() as session:
        session.scalars(select(Store)).one().consent = {"erases_at_once": False}
    tell(app, PrivacyRequested(kind="erasure", person=Person(external_id="id-Ada")))
    assert fulfil(app, NOW + DAY, 20) == 0
    with app.db.write() as session:
        store_id = session.scalars(select(Store.id)).one()
        wanted = next(r for r in requests.open_requests(session, store_id) if r.kind == "erasure")
        requests.fulfil_erasure(session, wanted, NOW + DAY)
        assert session.get_one(Customer, people[0]).erased_at is not None


@pytest.mark.parametrize("limit", [1, 50])
def test_a_whole_shop_is_erased_by_a_persons_hand_and_spares_who_is_known_elsewhere(
    app: App, people: People, limit: int
) -> None:
    tell(app, PrivacyRequested(kind="store_erasure"))
    assert fulfil(app, NOW + DAY, 20) == 0
    done = None
    while done != 0:
        with app.db.write() as session:
            wanted = session.scalars(select(PrivacyRequest).where(PrivacyRequest.kind == "store_erasure")).one()
            done = requests.erase_shop(session, wanted, NOW + DAY, limit, None)
    with app.db.read() as session:
        assert session.get_one(Customer, people[0]).erased_at is not None
        assert session.get_one(Customer, people[1]).erased_at is None  # the second shop's
        assert session.scalar(select(func.count()).select_from(ErasedPerson)) == 2


def test_what_still_comes_back_about_their_mails_is_not_written_down_again(app: App, people: People) -> None:
    with app.db.write() as session:
        session.execute(delete(Suppression))
        message = session.scalars(select(Message).where(Message.customer_id == people[0])).one()
        store = session.scalars(select(Store)).one()
        make.connection(app, session, store, "provider", "mailbox")
        public_id = message.public_id
    erased(app, people[0])
    before = dump(app)
    with app.db.write() as session:
        hit = Hit(public_id, "click", NOW, "Mozilla/5.0 Firefox", "192.0.2.88", 1, "https://x.example/?ada")
        assert not engagement.note(session, hit)
        reader = unsubscribing.withdraw(session, public_id, NOW, ip="192.0.2.88", agent="Firefox", way="one click")
        assert reader is not None
        assert reader.is_out
    assert dump(app) == before
    complaint = MailEvent(
        event="complaint",
        message_id=public_id,
        email="ada@example.com",
        at=NOW,
        external_id="c1",
        reason="ada@example.com said no",
    )
    tell(app, complaint, kind="mailbox")
    assert "ada@example.com" not in dump(app).lower()
    tell(app, ConsentChanged(person=Person(email="ada@example.com"), status="granted", at=NOW + DAY, source="form"))
    with app.db.read() as session:
        assert session.scalars(select(Suppression.reason)).all() == ["complaint"]
