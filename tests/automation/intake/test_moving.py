"""A customer has another mail address: what comes along, and what stays with the old one."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from automation.changes import ConsentChanged, CustomerChanged, CustomersMerged, OrderChanged, Person
from automation.erasing.access import held
from automation.erasing.erase import erase
from automation.models import (
    ConsentState,
    Customer,
    Enrolment,
    ErasedPerson,
    FormerAddress,
    Message,
    Order,
    Suppression,
)
from automation.stages.decide import decide
from automation.suppressions import Suppressed, suppress
from tests import make
from tests.automation.intake.shop import Shop, ago, order
from tests.automation.intake.test_people import _campaign, _enrolment
from tests.conftest import NOW

OLD, NEW = "ada@example.com", "countess@example.com"


@pytest.fixture
def known(shop: Shop) -> Shop:
    """A shop that knows Ada, who agreed to its mails."""
    shop.tell(
        CustomerChanged(external_id="7", email=OLD, first_name="Ada", updated_at=ago(90)),
        ConsentChanged(person=Person(external_id="7"), status="granted", at=ago(80)),
    )
    return shop


def move(shop: Shop, to: str = NEW, minutes: float = 5) -> None:
    shop.tell(CustomerChanged(external_id="7", email=to, updated_at=ago(minutes)))


def listed(shop: Shop) -> dict[str, str]:
    return {row.email_key: row.reason for row in shop.rows(Suppression)}


def put_on_list(shop: Shop, reason: str, email: str = OLD) -> None:
    with shop.app.db.write() as session:
        suppress(session, [Suppressed(store_id=shop.store.id, email_key=email, reason=reason, at=ago(60))])


def test_consent_and_flows_are_the_persons_and_go_on(known: Shop) -> None:
    ada = known.one(Customer)
    with known.app.db.write() as session:
        session.add(_enrolment(known, _campaign(session, known), ada.id, "k"))
        draft = make.message(session, session.get_one(Customer, ada.id))
    move(known)
    moved = known.one(Customer)
    assert (moved.id, moved.email_key, moved.first_name) == (ada.id, NEW, "Ada")
    assert known.one(ConsentState).status == "granted"
    assert known.one(Enrolment).state == "active"
    decide(known.app, NOW, 10)
    assert known.one(Message, id=draft.id).state == "ready"
    assert known.one(FormerAddress).email_key == OLD


@pytest.mark.parametrize("reason", ["complaint", "manual"])
def test_who_must_not_be_mailed_is_not_mailed_at_the_new_address_either(known: Shop, reason: str) -> None:
    put_on_list(known, reason)
    move(known)
    assert listed(known) == {OLD: reason, NEW: reason}


@pytest.mark.parametrize("reason", ["hard_bounce", "soft_bounces", "provider"])
def test_a_dead_mailbox_is_left_behind(known: Shop, reason: str) -> None:
    put_on_list(known, reason)
    move(known)
    assert listed(known) == {OLD: reason}


def test_a_new_address_that_is_on_the_list_stays_on_it(known: Shop) -> None:
    put_on_list(known, "hard_bounce", NEW)
    with known.app.db.write() as session:
        draft = make.message(session, session.get_one(Customer, known.one(Customer).id))
    move(known)
    decide(known.app, NOW, 10)
    assert known.one(Message, id=draft.id).reason == "suppressed"


def test_an_unsubscribe_comes_along_whatever_the_shop_says_of_the_new_address(known: Shop) -> None:
    person = Person(external_id="7")
    known.tell(ConsentChanged(person=person, status="withdrawn", at=ago(50), source="unsubscribe"))
    move(known)
    known.tell(ConsentChanged(person=Person(external_id="7", email=NEW), status="granted", at=ago(1)))
    assert known.one(ConsentState).status == "withdrawn"


def test_older_news_of_an_address_moves_nobody(known: Shop) -> None:
    move(known, minutes=95)
    assert known.one(Customer).email_key == OLD
    assert known.rows(FormerAddress) == []


def test_the_address_of_somebody_erased_is_not_taken_over(known: Shop) -> None:
    known.tell(CustomerChanged(external_id="8", email=NEW, updated_at=ago(90)))
    with known.app.db.write() as session:
        assert erase(session, session.scalars(select(Customer).where(Customer.email_key == NEW)).one(), ago(30))
    receipt = known.tell(CustomerChanged(external_id="7", email=NEW, updated_at=ago(5)))
    assert receipt.erased == 1
    assert {c.email_key for c in known.rows(Customer)} == {OLD, None}


def test_erasure_finds_the_old_address_and_nobody_brings_them_back_by_it(known: Shop) -> None:
    put_on_list(known, "hard_bounce")
    known.tell(order("guest", person=Person(email=OLD)))
    move(known)
    with known.app.db.write() as session:
        ada = session.scalars(select(Customer)).one()
        assert [row["email_key"] for row in held(session, ada)["suppressions"]] == [OLD]
        assert [row["email_key"] for row in held(session, ada)["former_addresses"]] == [OLD]
        assert erase(session, ada, NOW)
    assert (known.rows(FormerAddress), known.rows(Suppression)) == ([], [])
    assert [o.email_key for o in known.rows(Order)] == [None]
    assert sorted(row.suppression for row in known.rows(ErasedPerson)) == ["", "", "hard_bounce"]
    for email in (OLD, NEW):
        assert known.tell(CustomerChanged(external_id="9", email=email, updated_at=NOW)).erased == 1
    assert len(known.rows(Customer)) == 1


def test_an_address_that_is_anothers_by_now_stays_theirs_through_the_erasure(known: Shop) -> None:
    move(known)
    known.tell(CustomerChanged(external_id="8", email=OLD, first_name="Bob", updated_at=ago(1)))
    put_on_list(known, "hard_bounce")
    with known.app.db.write() as session:
        assert erase(session, session.scalars(select(Customer).where(Customer.email_key == NEW)).one(), NOW)
    assert listed(known) == {OLD: "hard_bounce"}
    assert known.tell(CustomerChanged(external_id="8", email=OLD, last_name="Brown", updated_at=NOW)).erased == 0


def test_a_merged_customers_address_is_a_former_one_of_whom_is_kept(known: Shop) -> None:
    known.tell(CustomerChanged(external_id="8", email="a.l@example.com", updated_at=ago(90)))
    put_on_list(known, "complaint", "a.l@example.com")
    known.tell(CustomerChanged(external_id="8", email="lovelace@example.com", updated_at=ago(50)))
    known.tell(CustomersMerged(kept_external_id="7", deleted_external_id="8"))
    kept = known.one(Customer, email_key=OLD)
    assert {(row.customer_id, row.email_key) for row in known.rows(FormerAddress)} == {
        (kept.id, "a.l@example.com"),
        (kept.id, "lovelace@example.com"),
    }
    assert listed(known)[OLD] == "complaint"


def test_a_guests_order_at_the_old_address_makes_nobody_of_the_account(known: Shop) -> None:
    move(known)
    placed: OrderChanged = order("late", person=Person(external_id="7", email=OLD))
    known.tell(placed)
    assert known.one(Order).customer_id == known.one(Customer).id
    assert known.one(Customer).email_key == NEW


def test_many_moves_take_as_many_statements_as_one(shop: Shop) -> None:
    def moves(count: int, start: int) -> int:
        ids = [str(start + n) for n in range(count)]
        shop.tell_all([CustomerChanged(external_id=i, email=f"a{i}@example.com", updated_at=ago(90)) for i in ids])
        said: list[str] = []

        def hear(_conn: object, _cursor: object, statement: str, *_: object) -> None:
            said.append(statement)

        event.listen(shop.app.db.engine, "before_cursor_execute", hear)
        shop.tell_all([CustomerChanged(external_id=i, email=f"b{i}@example.com", updated_at=ago(5)) for i in ids])
        event.remove(shop.app.db.engine, "before_cursor_execute", hear)
        assert len(shop.rows(FormerAddress)) >= count
        return len(said)

    assert moves(1, 100) == moves(40, 200)
