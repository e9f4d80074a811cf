from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from automation.actions import admins, forms
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Consent, ConsentState, Customer, Form, FormDay, Message, Rendering, SignUp, Store
from automation.rendering import links
from automation.signup.definition import FormDefinition
from automation.signup.submitting import MAIL
from tests import make
from tests.conftest import NOW

# What is written is tested on both databases in tests/automation/signup; these are about the pages.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Visit:
    """Somebody in front of a form."""

    def __init__(self, app: App, web: FlaskClient, clock: TurnableClock, form_id: str) -> None:
        self.app, self.web, self.clock = app, web, clock
        self.path = f"/f/{form_id}"

    def get(self, path: str = "", **more: Any) -> TestResponse:
        return self.web.get(path or self.path, headers={"User-Agent": AGENT}, **more)

    def send(self, *, wait: float = 10, ip: str = "192.0.2.1", **typed: Any) -> TestResponse:
        found = re.search(r'name="ticket" value="([^"]+)"', self.get().text)
        assert found
        self.clock.turn(timedelta(seconds=wait))
        data = {"ticket": found[1], "email": "ada@example.com", **typed}
        return self.web.post(self.path, data=data, headers={"User-Agent": AGENT}, environ_overrides={"REMOTE_ADDR": ip})

    def post(self, path: str, **data: Any) -> TestResponse:
        self.clock.turn(timedelta(seconds=5))
        return self.web.post(path, data=data)

    def rows(self, model: type[Any]) -> list[Any]:
        with self.app.db.read() as session:
            found = list(session.scalars(select(model)))
            session.expunge_all()
        return found

    def link(self, letter: str = "y") -> str:
        public_id = self.rows(Message)[-1].public_id
        return f"/{letter}/{links.token(links.key_of(self.app.keyring), public_id)}"


def set_form(app: App, **values: Any) -> None:
    with app.db.write() as session:
        row = session.scalars(select(Form)).one()
        forms.save(app, session, row, "", FormDefinition.model_validate(values), NOW, 1)


@pytest.fixture
def visit(app: App, web: FlaskClient, clock: TurnableClock) -> Visit:
    with app.db.write() as session:
        store = make.store(session)
        make.edited_template(session, store, MAIL)
        admin = admins.create_admin(session, "owner@example.com", NOW)
        row = forms.create(app, session, store, "In the footer", "en", NOW, admin.id)
        forms.set_state(session, row, "live", NOW, admin.id)
        return Visit(app, web, clock, row.public_id)


def test_somebody_signs_up_and_confirms(visit: Visit) -> None:
    answer = visit.send(first_name="Ada")
    assert answer.status_code == 303
    assert "We have sent you a mail" in visit.get(answer.headers["Location"]).text
    page = visit.get(visit.link())
    assert "Please confirm your sign-up" in page.text
    assert "a•••@example.com" in page.text
    assert [c.status for c in visit.rows(Consent)] == ["pending"]
    assert "Thank you, you are on our list" in visit.post(visit.link()).text
    assert [c.status for c in visit.rows(ConsentState)] == ["granted"]
    assert "You have confirmed this already" in visit.get(visit.link()).text
    assert visit.rows(Customer)[0].first_name == "Ada"


def test_the_answer_is_the_same_for_every_address(visit: Visit) -> None:
    with visit.app.db.write() as session:
        make.customer(session, session.scalars(select(Store)).one(), "Grace")
    first = visit.send(email="grace@example.com")
    again = visit.send(email="grace@example.com")
    new = visit.send(email="new@example.com")
    assert {(a.status_code, a.headers["Location"], a.text) for a in (first, again, new)} == {
        (303, f"{visit.path}?sent=1", first.text)
    }


def test_a_scanner_that_follows_the_link_confirms_nothing(visit: Visit) -> None:
    visit.send()
    for method in ("get", "head", "options"):
        getattr(visit.web, method)(visit.link(), headers={"User-Agent": "Mozilla/5.0 SafeLinks"})
    assert [c.status for c in visit.rows(ConsentState)] == ["pending"]


def test_robots_hear_thanks_and_leave_nothing(visit: Visit) -> None:
    assert visit.send(website="https://spam.example.com").status_code == 303
    assert visit.rows(SignUp) == visit.rows(Customer) == []


def test_who_is_too_quick_presses_once_more_and_the_ticket_must_be_ours(visit: Visit) -> None:
    answer = visit.send(wait=0.5, first_name="Ada")
    assert answer.status_code == 422
    assert "That was quick" in answer.text
    assert 'value="Ada"' in answer.text
    for ticket in ("", "1.abc", "x", "9" * 30 + ".é"):
        assert visit.web.post(visit.path, data={"email": "ada@example.com", "ticket": ticket}).status_code == 422
    assert visit.send(wait=25 * 3600).status_code == 422
    assert visit.rows(SignUp) == []


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"email": ""}, "Please write your mail address."),
    ({}, {"email": "ada@"}, "This is no mail address."),
    ({"first_name": "required"}, {}, "Please fill this in."),
    ({"birthday": "required"}, {}, "Please choose a day and a month."),
    ({"birthday": "optional"}, {"birthday_day": "30", "birthday_month": "2"}, "There is no such day."),
    ({"topics": "a: Apples\nb: Pears"}, {}, "Please choose at least one."),
    ({"needs_tick": True}, {}, "Please tick this"),
    ({"language": "de"}, {"email": "ada@"}, "Das ist keine Mailadresse."),
]


def test_what_is_wrong_stands_beside_it_and_nothing_is_kept(visit: Visit) -> None:
    for settings, typed, said in WRONG:
        set_form(visit.app, **settings)
        answer = visit.send(**{"email": "ada@example.com", **typed})
        assert answer.status_code == 422, said
        assert said in answer.text
        assert 'role="alert"' in answer.text
    assert visit.rows(SignUp) == []


def test_too_many_from_one_place_are_told_to_wait_and_the_admins_hear_of_it(visit: Visit) -> None:
    codes = [visit.send(email=f"a{n}@d{n}.example.com").status_code for n in range(11)]
    assert codes == [303] * 10 + [429]
    visit.app.db.dispose()
    assert visit.send(email="b@example.com", ip="192.0.2.2").status_code == 303
    assert visit.rows(Form)[0].held_at is not None
    assert sum(d.refused for d in visit.rows(FormDay)) == 1


def test_a_form_may_stand_in_the_shops_frames_only_and_stores_nothing(visit: Visit) -> None:
    page = visit.get(f"{visit.path}?embed=1&page=https://wren.example.com/a?secret=1&v=0123456789abcdef0123")
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self' https://wren.example.com")
    assert "Set-Cookie" not in page.headers
    assert 'name="page" value="https://wren.example.com/a"' in page.text
    assert 'name="v" value="0123456789abcdef0123"' in page.text
    script = visit.get(f"{visit.path}.js")
    assert script.mimetype == "text/javascript"
    assert visit.path.removeprefix("/f/") in script.text


def test_addresses_that_lead_nowhere_say_so(visit: Visit) -> None:
    for path in ("/f/nothing", "/f/nothing.js", "/y/nothing", "/p/nothing", "/s/nothing.js"):
        assert visit.get(path).status_code == 404
    for path in ("/f/nothing", "/y/nothing", "/p/nothing"):
        assert visit.web.post(path).status_code == 404


def test_a_link_that_is_too_late_offers_a_new_one(visit: Visit) -> None:
    visit.send()
    old = visit.link()
    visit.clock.turn(timedelta(days=9))
    assert "This link is too old" in visit.get(old).text
    assert "This link is too old" in visit.post(old).text
    assert "A new link is on its way" in visit.post(old, action="again").text
    assert len(visit.rows(Message)) == 2
    assert "Thank you" in visit.post(visit.link()).text


def test_a_closed_form_says_so(visit: Visit) -> None:
    with visit.app.db.write() as session:
        forms.set_state(session, session.scalars(select(Form)).one(), "draft", NOW, 1)
    assert "This form is closed" in visit.get().text
    assert "This form is closed" in visit.web.post(visit.path, data={}).text


def _wishes(visit: Visit) -> tuple[dict[str, str], int | None, bool]:
    [customer] = visit.rows(Customer)
    states = {c.topic: c.status for c in visit.rows(ConsentState)}
    return states, customer.most_per_week, customer.paused_until is not None


class TestPreferences:
    """The page that every mail leads to."""

    @pytest.fixture
    def centre(self, visit: Visit) -> Callable[..., str]:
        set_form(visit.app, topics="marketing: News and offers\nclub: The club")
        visit.send(topic=["marketing", "club"])
        visit.post(visit.link())

        def post(**data: Any) -> str:
            return visit.post(visit.link("p"), **data).text

        return post

    def test_topics_frequency_and_rest_are_chosen_and_undone(self, visit: Visit, centre: Callable[..., str]) -> None:
        page = visit.get(visit.link("p")).text
        assert page.count(" checked") == 2
        before = _wishes(visit)
        said = centre(topic="club", frequency="1", pause="30")
        assert "Your wishes are stored." in said
        assert _wishes(visit) == ({"marketing": "withdrawn", "club": "granted"}, 1, True)
        sealed = re.search(r'name="before" value="([^"]+)"', said)
        assert sealed
        assert "It is as it was before." in centre(action="undo", before=sealed[1])
        assert _wishes(visit) == before

    def test_so_many_a_month_can_be_chosen_and_undone(self, visit: Visit, centre: Callable[..., str]) -> None:
        said = centre(topic=["club", "marketing"], frequency="month", pause="none")
        assert [(c.most_per_week, c.most_per_month) for c in visit.rows(Customer)] == [(None, 1)]
        assert '<option value="month" selected>At most once a month' in said
        with visit.app.db.write() as session:
            session.scalars(select(Customer)).one().most_per_month = 7
        page = visit.get(visit.link("p")).text
        assert '<option value="keep" selected>At most 7 times a month' in page
        said = centre(topic=["club", "marketing"], frequency="2", pause="none")
        assert [(c.most_per_week, c.most_per_month) for c in visit.rows(Customer)] == [(2, None)]
        sealed = re.search(r'name="before" value="([^"]+)"', said)
        assert sealed
        centre(action="undo", before=sealed[1])
        assert [(c.most_per_week, c.most_per_month) for c in visit.rows(Customer)] == [(None, 7)]

    def test_a_mailbox_that_was_theirs_before_cannot_put_them_back(
        self, visit: Visit, centre: Callable[..., str]
    ) -> None:
        centre(action="leave")
        with visit.app.db.write() as session:
            customer = session.scalars(select(Customer)).one()
            message = session.scalars(select(Message)).one()
            values = {"variables": {}, "payload_hash": "x", "rendered_at": NOW}
            session.add(Rendering(message_id=message.id, to_email=customer.email, **values))
            customer.email = customer.email_key = "new@example.com"
        said = centre(topic=["club"], frequency="", pause="none")
        assert "cannot be put back here" in said
        assert set(_wishes(visit)[0].values()) == {"withdrawn"}

    def test_leaving_altogether_can_be_undone_right_there(self, visit: Visit, centre: Callable[..., str]) -> None:
        said = centre(action="leave")
        assert set(_wishes(visit)[0].values()) == {"withdrawn"}
        sealed = re.search(r'name="before" value="([^"]+)"', said)
        assert sealed
        centre(action="undo", before=sealed[1])
        assert set(_wishes(visit)[0].values()) == {"granted"}

    def test_what_we_did_not_seal_undoes_nothing(self, visit: Visit, centre: Callable[..., str]) -> None:
        centre(action="leave")
        for before in ("", "x", "5b.0", "é.é"):
            centre(action="undo", before=before)
        assert set(_wishes(visit)[0].values()) == {"withdrawn"}

    @pytest.mark.usefixtures("centre")
    def test_a_look_changes_nothing_and_speaks_the_readers_language(self, visit: Visit) -> None:
        before = _wishes(visit)
        with visit.app.db.write() as session:
            session.scalars(select(Customer)).one().locale = "de-AT"
        assert "Was Sie bekommen möchten" in visit.get(visit.link("p")).text
        assert _wishes(visit) == before
