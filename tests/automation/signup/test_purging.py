from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation.models import Consent, Customer, Form, FormDay, SignUp, Store, Suppression
from automation.stages.lapse import lapse
from automation.suppressions import Suppressed, suppress
from tests import make
from tests.automation.signup.conftest import Desk
from tests.conftest import NOW
from webapp.queries import forms

DAY = timedelta(days=1)


def test_of_a_sign_up_that_nobody_confirmed_only_the_count_is_left(desk: Desk) -> None:
    desk.sign_up(answers={"first_name": "Ada"})
    desk.confirm(now=NOW + 8 * DAY)  # too late
    assert lapse(desk.app, NOW + 30 * DAY - timedelta(seconds=1), 10) == 0
    assert lapse(desk.app, NOW + 30 * DAY, 10) == 1
    assert lapse(desk.app, NOW + 30 * DAY, 10) == 0
    assert desk.sign_ups() == []
    customer = desk.customer()
    assert (customer.email, customer.email_key, customer.source) == (None, None, {})
    [line] = desk.rows(Consent)
    assert (line.status, line.ip, line.agent, line.detail) == ("pending", "", "", "")
    [day] = desk.rows(FormDay)
    assert (day.on_date, day.unconfirmed) == (NOW.date(), 1)
    with desk.app.db.read() as session:
        [row] = forms.rows(session, desk.store_id, NOW + 20 * DAY)
    assert (row.submitted, row.confirmed) == (1, 0)


def test_they_may_sign_up_again_as_somebody_new(desk: Desk) -> None:
    desk.sign_up()
    lapse(desk.app, NOW + 30 * DAY, 10)
    desk.sign_up(now=NOW + 31 * DAY)
    desk.confirm(now=NOW + 31 * DAY)
    assert [c.email_key for c in desk.rows(Customer)] == [None, "ada@example.com"]
    assert [s.state for s in desk.sign_ups()] == ["confirmed"]


def test_who_is_known_by_more_than_the_form_stays_a_customer(desk: Desk) -> None:
    with desk.app.db.write() as session:
        store = session.get_one(Store, desk.store_id)
        ada = make.customer(session, store, consent=False)
        make.order(session, store, ada, NOW - DAY)
        make.customer(session, store, "Bob")
    desk.sign_up()
    desk.sign_up("bob@example.com", topics=("tea",))
    assert lapse(desk.app, NOW + 30 * DAY, 10) == 2
    assert desk.sign_ups() == []
    assert [c.email_key for c in desk.rows(Customer)] == ["ada@example.com", "bob@example.com"]
    assert desk.rows(FormDay)[0].unconfirmed == 2


def test_what_was_confirmed_and_what_was_asked_again_lately_stays(desk: Desk) -> None:
    desk.sign_up()
    desk.confirm(now=NOW + DAY)
    desk.sign_up("bob@example.com")
    with desk.app.db.write() as session:
        waiting = session.scalars(select(SignUp).where(SignUp.state == "pending")).one()
        waiting.expires_at = NOW + 34 * DAY
    assert lapse(desk.app, NOW + 33 * DAY, 10) == 0
    assert lapse(desk.app, NOW + 34 * DAY, 10) == 1
    assert [s.state for s in desk.sign_ups()] == ["confirmed"]


def test_a_store_says_how_long_it_waits_and_a_bounced_address_stays_on_the_list(desk: Desk) -> None:
    with desk.app.db.write() as session:
        session.get_one(Store, desk.store_id).consent = {"unconfirmed_days": 8}
        row = Suppressed(store_id=desk.store_id, email_key="ada@example.com", reason="hard_bounce", at=NOW)
        suppress(session, [row])
    desk.sign_up()
    assert lapse(desk.app, NOW + 8 * DAY, 10) == 1
    assert [s.email_key for s in desk.rows(Suppression)] == ["ada@example.com"]
    assert len(desk.rows(Form)) == 1
