from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from automation import intake
from automation.actions import campaigns, forms, templates
from automation.actions.api_keys import connection_of
from automation.campaigns import walk
from automation.changes import CustomerChanged
from automation.errors import NotAllowed, TooOften, Unreadable
from automation.models import (
    Customer,
    Enrolment,
    Event,
    Form,
    FormDay,
    Message,
    Offer,
    OfferCode,
    Rendering,
    Store,
    Template,
)
from automation.recipes import recipes
from automation.rendering import compose, context
from automation.security import random_id
from automation.signup import submitting
from automation.signup.submitting import Limits
from automation.stages.decide import decide
from automation.stages.enrol import enrol
from tests import make
from tests.automation.signup.conftest import Desk
from tests.conftest import NOW

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_an_address_is_asked_and_nothing_is_true_before_it_answers(desk: Desk) -> None:
    desk.change(first_name="optional")
    desk.sign_up(answers={"first_name": "Ada"})
    assert desk.standing() == {"marketing": "pending"}
    assert desk.customer().first_name == ""
    [message] = desk.rows(Message)
    assert (message.mail_class, message.state, message.topic) == ("transactional", "draft", "marketing")
    assert message.expires_at == NOW + 7 * DAY
    decide(desk.app, NOW, 10)
    assert desk.rows(Message)[0].state == "ready"


def test_confirming_makes_it_true_with_the_words_the_place_and_the_time(desk: Desk) -> None:
    desk.change(first_name="optional", birthday="optional")
    desk.sign_up(answers={"first_name": "Ada", "birthday_month": 12, "birthday_day": 10})
    found = desk.confirm(now=NOW + HOUR)
    assert found is not None
    assert found.state == "confirmed"
    assert desk.standing() == {"marketing": "granted"}
    customer = desk.customer()
    assert (customer.first_name, customer.birthday_month, customer.birthday_day) == ("Ada", 12, 10)
    public_id = desk.rows(Form)[0].public_id
    assert desk.ledger() == [
        ("marketing", "pending", "192.0.2.1", f"form {public_id} version 2"),
        ("marketing", "granted", "192.0.2.9", f"form {public_id} version 2, confirmed by mail"),
    ]
    [event] = desk.rows(Event)
    assert (event.name, event.customer_id) == ("form.confirmed", customer.id)


def test_confirming_twice_is_once(desk: Desk) -> None:
    desk.sign_up()
    desk.confirm()
    found = desk.confirm(now=NOW + HOUR)
    assert found is not None
    assert found.state == "confirmed"
    assert len(desk.ledger()) == 2
    assert len(desk.rows(Event)) == 1


def test_too_late_changes_nothing_and_a_new_link_can_be_had(desk: Desk) -> None:
    desk.sign_up()
    late = NOW + 8 * DAY
    found = desk.confirm(now=late)
    assert found is not None
    assert found.state == "over"
    assert desk.standing() == {"marketing": "pending"}
    with desk.app.db.write() as session:
        row = session.merge(desk.sign_ups()[0])
        assert submitting.ask_again(session, row, late)
        assert not submitting.ask_again(session, row, late + HOUR)
    found = desk.confirm(now=late + HOUR)
    assert found is not None
    assert found.state == "confirmed"


def test_a_mailbox_that_the_customer_has_left_confirms_nothing(desk: Desk) -> None:
    desk.sign_up()
    [message] = desk.rows(Message)
    with desk.app.db.write() as session:
        values = {"variables": {}, "payload_hash": "x", "rendered_at": NOW}
        session.add(Rendering(message_id=message.id, to_email="ada@example.com", **values))
        connection = connection_of(desk.app, session, desk.store_id, NOW)
        moved = CustomerChanged(external_id="7", email="ada@example.com", updated_at=NOW)
        intake.record(session, connection, [moved], NOW)
        intake.record(session, connection, [moved.model_copy(update={"email": "new@example.com"})], NOW)
    found = desk.confirm(now=NOW + HOUR)
    assert found is not None
    assert found.state == "over"
    assert desk.standing() == {"marketing": "pending"}


def test_one_address_is_asked_once_in_a_while_however_often_it_is_typed(desk: Desk) -> None:
    for minutes in range(5):
        desk.sign_up(now=NOW + timedelta(minutes=minutes), email="Ada@Example.com")
    assert len(desk.rows(Message)) == 1
    for days in range(1, 6):
        desk.sign_up(now=NOW + days * DAY)
    assert len(desk.rows(Message)) == 3


def test_somebody_elses_typing_suspends_no_subscription(desk: Desk) -> None:
    with desk.app.db.write() as session:
        make.customer(session, session.get_one(Store, desk.store_id), "Ada")
    desk.sign_up(answers={"first_name": "Mallory"})
    assert desk.standing() == {"marketing": "granted"}
    assert len(desk.rows(Message)) == 1
    desk.confirm()
    assert desk.customer().first_name == "Ada"


def test_who_has_left_comes_back_only_by_confirming(desk: Desk) -> None:
    with desk.app.db.write() as session:
        customer = make.customer(session, session.get_one(Store, desk.store_id), "Ada", consent=False)
        make.agree(session, customer, "withdrawn")
    desk.sign_up()
    assert desk.standing() == {"marketing": "withdrawn"}
    desk.confirm(now=NOW + HOUR)
    assert desk.standing() == {"marketing": "granted"}


@pytest.mark.parametrize("limits", [Limits(per_ip_hour=2), Limits(per_domain_hour=2), Limits(per_store_hour=2)])
def test_floods_are_turned_away_until_the_hour_is_over(desk: Desk, limits: Limits) -> None:
    for number in range(2):
        desk.sign_up(f"a{number}@example.com", limits=limits)
    with pytest.raises(TooOften):
        desk.sign_up("more@example.com", limits=limits)
    assert len(desk.rows(Customer)) == 2
    assert len(desk.rows(Message)) == 2
    desk.sign_up("more@example.com", now=NOW + HOUR, limits=limits)
    with desk.app.db.write() as session:
        submitting.turned_away(session, desk.form_id, NOW)
        submitting.count(session, desk.form_id, NOW)
        submitting.count(session, desk.form_id, NOW)
    assert [(d.views, d.refused) for d in desk.rows(FormDay)] == [(2, 1)]
    assert desk.rows(Form)[0].held_at == NOW


def test_what_is_no_address_and_a_closed_form_keep_nothing(desk: Desk) -> None:
    with pytest.raises(Unreadable):
        desk.sign_up("ada at example")
    with desk.app.db.write() as session:
        forms.set_state(session, session.get_one(Form, desk.form_id), "draft", NOW, desk.admin_id)
    with pytest.raises(NotAllowed):
        desk.sign_up()
    assert desk.rows(Customer) == []


def test_a_form_that_asks_nobody_back_is_true_at_once(desk: Desk) -> None:
    desk.change(double_opt_in=False)
    desk.sign_up()
    assert desk.standing() == {"marketing": "granted"}
    assert desk.rows(Message) == []


def test_the_offer_comes_with_the_confirmation_and_once(desk: Desk) -> None:
    with desk.app.db.write() as session:
        session.add(
            Offer(
                public_id=random_id(),
                store_id=desk.store_id,
                name="hello",
                label="10 % off",
                kind="percent",
                value=10,
                currency="EUR",
                supply="shared",
                shared_code="HELLO10",
                look_at=NOW,
                created_at=NOW,
                updated_at=NOW,
            )
        )
    desk.change(offer="hello")
    with pytest.raises(NotAllowed, match="no offer called “nope”"):
        desk.change(offer="nope")
    desk.sign_up()
    assert desk.rows(OfferCode) == []
    found = desk.confirm()
    assert found is not None
    assert (found.offer_label, found.offer_code) == ("10 % off", "HELLO10")
    desk.sign_up(now=NOW + DAY)
    desk.confirm(now=NOW + DAY)
    assert [code.state for code in desk.rows(OfferCode)] == ["given"]


def test_the_welcome_begins_with_the_confirmation(desk: Desk) -> None:
    with desk.app.db.write() as session:
        store = session.get_one(Store, desk.store_id)
        name = next(name for name in recipes() if name.startswith("welcome"))
        mails = [node.settings["template"] for node in walk(recipes()[name].definition.flow) if node.kind == "mail"]
        templates.install(desk.app, session, store, NOW - DAY, only=mails)
        row = campaigns.create_from_recipe(desk.app, session, store, name, NOW - DAY, desk.admin_id)
        campaigns.publish(desk.app, session, row, NOW - DAY, desk.admin_id)
    desk.sign_up()
    enrol(desk.app, NOW + timedelta(minutes=1), 100)
    assert desk.rows(Enrolment) == []
    desk.confirm(now=NOW + timedelta(minutes=2))
    enrol(desk.app, NOW + timedelta(minutes=3), 100)
    assert len(desk.rows(Enrolment)) == 1


def test_the_mail_asks_in_the_forms_language_and_leads_to_the_page_that_confirms(desk: Desk) -> None:
    with desk.app.db.write() as session:
        template = session.scalars(select(Template)).one()
        templates.save_version(desk.app, session, template, templates.source_of(template.name), NOW)
    desk.change(language="de", topics="marketing: Neues")
    desk.sign_up()
    with desk.app.db.read() as session:
        messages = session.scalars(select(Message)).all()
        variables = context.load(desk.app, session, messages, NOW)
        session.expunge_all()
    [made] = compose.compose(desk.app, messages, variables)
    assert isinstance(made, compose.Composed)
    assert made.mail.subject == "Bitte bestätigen Sie Ihre Anmeldung"
    assert "https://mail.example.com/y/" in made.mail.html
    assert "Es geht um: Neues" in made.mail.text
    assert desk.rows(Rendering) == []


def test_a_change_is_a_version_and_the_same_again_is_none(desk: Desk) -> None:
    desk.change(title="Hello")
    desk.change(title="Hello")
    with desk.app.db.read() as session:
        form = session.get_one(Form, desk.form_id)
        shown = submitting.may_be_shown(session, form.public_id)
        assert shown is not None
        assert (shown[1].number, shown[2].title) == (2, "Hello")
