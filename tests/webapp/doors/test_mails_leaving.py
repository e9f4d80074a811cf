"""The way out of a mailing, and what a token may do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Consent, ConsentState, Customer, Message, Rendering, Store, Suppression
from automation.rendering import links
from automation.rendering.compose import Composed, compose
from automation.rendering.context import load
from tests import make
from tests.conftest import NOW
from tests.webapp.doors.mailed import ONE_CLICK, PERSON, Mail, click, events, ledger, mail_to, message, standing


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_withdraws_consent(web: FlaskClient, app: App, mail: Mail, content_type: str) -> None:
    answer = web.post(f"/u/{mail.token}", data=ONE_CLICK, content_type=content_type)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert standing(app, mail) == "withdrawn"
    with app.db.read() as session:
        line = session.scalars(select(Consent).order_by(Consent.id.desc())).first()
        assert line is not None
        assert (line.source, line.detail, line.message_id, line.at) == ("unsubscribe", "one click", mail.id, NOW)
    assert message(app, mail).unsubscribed_at == NOW
    assert [e.type for e in events(app)] == ["unsubscribe"]


def test_unsubscribing_again_changes_nothing(web: FlaskClient, app: App, mail: Mail, clock: TurnableClock) -> None:
    for _ in range(3):
        assert web.post(f"/u/{mail.token}", data=ONE_CLICK).status_code == 200
        clock.turn(timedelta(days=1))
    assert ledger(app) == [("granted", "form"), ("withdrawn", "unsubscribe")]
    assert len(events(app)) == 1


def test_only_the_topic_of_the_mail_is_withdrawn(web: FlaskClient, app: App) -> None:
    mail = mail_to(app, "Ada", topic="restocks")
    web.post(f"/u/{mail.token}", data=ONE_CLICK)
    with app.db.read() as session:
        found = dict(session.execute(select(ConsentState.topic, ConsentState.status)).all())
    assert found == {"marketing": "granted", "restocks": "withdrawn"}


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"List-Unsubscribe=Two-Clicks", b"--x\r\nbroken", b"a=" + b"x" * 9_000_000]
)
def test_whoever_posts_wants_out_whatever_else_they_say(web: FlaskClient, app: App, mail: Mail, body: bytes) -> None:
    for content_type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        assert web.post(f"/u/{mail.token}", data=body, content_type=content_type).status_code == 200
    assert standing(app, mail) == "withdrawn"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing(web: FlaskClient, app: App, mail: Mail, method: str) -> None:
    for query in ("", "?List-Unsubscribe=One-Click", "?action=leave"):
        assert web.open(f"/u/{mail.token}{query}", method=method).status_code == 200
    assert standing(app, mail) == "granted"
    assert events(app) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_change_nothing(web: FlaskClient, app: App, mail: Mail, method: str) -> None:
    assert web.open(f"/u/{mail.token}", method=method, data=ONE_CLICK).status_code == 405
    assert standing(app, mail) == "granted"


def test_the_page_has_one_button_and_nothing_that_runs(web: FlaskClient, mail: Mail) -> None:
    answer = web.get(f"/u/{mail.token}")
    page = answer.text
    assert page.count("<button") == page.count("<form") == 1
    assert 'method="post"' in page
    assert "<script" not in page
    assert "style=" not in page
    assert "a•••@example.com" in page
    assert "ada@example.com" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert (answer.headers["Cache-Control"], answer.headers["X-Robots-Tag"]) == ("no-store", "noindex, nofollow")


def test_the_way_out_and_back(web: FlaskClient, app: App, mail: Mail, clock: TurnableClock) -> None:
    assert "Unsubscribe?" in web.get(f"/u/{mail.token}").text
    assert "You are unsubscribed" in web.post(f"/u/{mail.token}", data={"action": "leave"}).text
    clock.turn(timedelta(minutes=1))
    page = web.get(f"/u/{mail.token}").text
    assert "already unsubscribed" in page
    assert 'value="return"' in page
    assert "Welcome back" in web.post(f"/u/{mail.token}", data={"action": "return"}).text
    assert standing(app, mail) == "granted"
    assert ledger(app) == [("granted", "form"), ("withdrawn", "unsubscribe"), ("granted", "form")]
    clock.turn(timedelta(minutes=1))
    web.post(f"/u/{mail.token}", data=ONE_CLICK)
    assert standing(app, mail) == "withdrawn"
    assert [e.type for e in events(app)] == ["unsubscribe", "resubscribe", "unsubscribe"]


def test_nobody_is_subscribed_who_never_left(web: FlaskClient, app: App, mail: Mail) -> None:
    web.post(f"/u/{mail.token}", data={"action": "return"})
    assert ledger(app) == [("granted", "form")]


def test_after_a_complaint_there_is_no_way_back(web: FlaskClient, app: App, mail: Mail, clock: TurnableClock) -> None:
    web.post(f"/u/{mail.token}", data=ONE_CLICK)
    with app.db.write() as session:
        store_id = session.get_one(Customer, mail.customer_id).store_id
        session.add(Suppression(store_id=store_id, email_key="ada@example.com", reason="complaint", at=NOW))
    clock.turn(timedelta(days=1))
    assert "<button" not in web.get(f"/u/{mail.token}").text
    web.post(f"/u/{mail.token}", data={"action": "return"})
    assert standing(app, mail) == "withdrawn"


def test_a_customers_own_word_is_kept_beside_the_shops(web: FlaskClient, app: App, mail: Mail) -> None:
    with app.db.write() as session:
        make.agree(session, session.get_one(Customer, mail.customer_id), "withdrawn", NOW - timedelta(days=1))
    web.post(f"/u/{mail.token}", data=ONE_CLICK)
    assert ledger(app)[-1] == ("withdrawn", "unsubscribe")


def test_a_test_mails_link_works_and_changes_nothing(web: FlaskClient, app: App) -> None:
    mail = mail_to(app, "Ada", is_test=True)
    assert "test mail" in web.get(f"/u/{mail.token}").text
    assert web.post(f"/u/{mail.token}", data=ONE_CLICK).status_code == 200
    assert standing(app, mail) == "granted"


def test_a_store_called_like_a_script_runs_nowhere(web: FlaskClient, app: App, mail: Mail) -> None:
    with app.db.write() as session:
        session.execute(update(Store).values(name="<script>alert(1)</script>", url="javascript:alert(1)"))
    page = web.get(f"/u/{mail.token}").text
    assert "<script" not in page
    assert "javascript:" not in page


def test_one_readers_token_never_acts_on_another(web: FlaskClient, app: App, mail: Mail) -> None:
    other = mail_to(app, "Bob")
    web.post(f"/u/{other.token}", data=ONE_CLICK)
    click(web, other)
    assert (standing(app, mail), standing(app, other)) == ("granted", "withdrawn")
    assert {e.message_id for e in events(app)} == {other.id}
    half = len(mail.token) - 22
    mixed = [mail.token[:half] + other.token[half:], other.token[:half] + mail.token[half:]]
    for token in mixed:
        assert web.post(f"/u/{token}", data=ONE_CLICK).status_code == 404
        assert web.get(f"/c/{token}/1").status_code == 404
        assert web.get(f"/v/{token}").status_code == 404
    assert standing(app, mail) == "granted"


def test_every_changed_letter_makes_a_token_worthless(web: FlaskClient, app: App, mail: Mail) -> None:
    for position, letter in enumerate(mail.token):
        changed = mail.token[:position] + ("b" if letter != "b" else "c") + mail.token[position + 1 :]
        assert web.post(f"/u/{changed}", data=ONE_CLICK).status_code == 404, position
    assert standing(app, mail) == "granted"


def test_a_stranger_cannot_tell_forged_from_unknown(web: FlaskClient, app: App, mail: Mail) -> None:
    gone = links.token(links.key_of(app.keyring), "a" * 26)
    answers = [web.get(f"/u/{token}") for token in (gone, "x" * 48, mail.token[:-1])]
    assert {a.status_code for a in answers} == {404}
    assert len({a.data for a in answers}) == 1


def test_a_forged_host_changes_no_link(web: FlaskClient, mail: Mail) -> None:
    forged = {"Host": "evil.example.net", "X-Forwarded-Host": "evil.example.net", "User-Agent": PERSON}
    for path in (f"/u/{mail.token}", f"/c/{mail.token}/1", "/api/openapi.json", "/u/nowhere/at/all"):
        answer = web.get(path, headers=forged)
        assert "evil.example.net" not in answer.text + str(answer.headers)


@pytest.fixture
def rendered(app: App) -> Mail:
    mail = mail_to(app, "Ada", state="accepted", accepted_at=NOW)
    with app.db.read() as session:
        row = session.get_one(Message, mail.id)
        variables = load(app, session, [row], NOW)
        session.expunge_all()
    found = compose(app, [row], variables)[0]
    assert isinstance(found, Composed), found
    with app.db.write() as session:
        session.add(
            Rendering(
                message_id=mail.id,
                to_email="ada@example.com",
                variables=variables[mail.id],
                payload_hash=found.payload_hash,
                rendered_at=NOW,
            )
        )
    return mail


def test_a_mail_is_shown_in_a_browser_under_a_policy_of_its_own(web: FlaskClient, rendered: Mail) -> None:
    answer = web.get(f"/v/{rendered.token}")
    assert answer.status_code == 200
    assert "Hello Ada" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert re.search(r"sandbox(?!.*allow-(scripts|same-origin))", policy)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_mail_that_was_never_rendered_is_not_there(web: FlaskClient, mail: Mail) -> None:
    assert web.get(f"/v/{mail.token}").status_code == 404


def test_nobody_makes_us_render_without_end(web: FlaskClient, mail: Mail) -> None:
    statuses = [web.get(f"/v/{mail.token}").status_code for _ in range(40)]
    assert statuses[0] == 404
    assert 429 in statuses


def test_the_stylesheet_is_served_and_may_be_kept(web: FlaskClient) -> None:
    with web.get("/doors.css") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")
        assert "max-age=86400" in answer.headers["Cache-Control"]
        assert b"prefers-color-scheme: dark" in answer.get_data()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_whatever_is_asked_gets_an_answer_and_changes_nothing(web: FlaskClient, app: App, mail: Mail) -> None:
    before = ledger(app)

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.sampled_from(["/c/{}/1", "/c/{}/{}", "/o/{}.gif", "/u/{}", "/v/{}"]),
        st.one_of(
            _TEXT, st.binary(max_size=40).map(lambda b: "".join(f"%{c:02x}" for c in b)), st.just(mail.token[:-1])
        ),
        _TEXT,
        st.dictionaries(st.sampled_from(["u", "s", "action"]), _TEXT),
        st.dictionaries(
            st.sampled_from(["User-Agent", "Referer", "X-Forwarded-For", "Cookie", "Purpose"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
        ),
        st.booleans(),
    )
    def throw(path: str, token: str, more: str, query: dict[str, str], headers: dict[str, str], is_post: bool) -> None:
        # What ends a path belongs to the query, which the client takes on its own.
        address = path.format(*(re.sub("[/?#]", "", part) for part in (token, more)))
        answer = web.open(address, method="POST" if is_post else "GET", query_string=query, headers=headers)
        assert answer.status_code < 500, (address, answer.data)
        assert "Location" not in answer.headers or answer.status_code == 308

    throw()
    assert ledger(app) == before
    assert events(app) == []
