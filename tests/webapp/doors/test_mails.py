from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Consent, ConsentState, Customer, Message, MessageEvent, Rendering, Store, Suppression
from automation.rendering import links
from automation.rendering.compose import Composed, compose
from automation.rendering.context import load
from tests import make
from tests.conftest import NOW

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
SALE = "https://wren.example.com/sale?a=1&b=%C3%A4#top"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass(frozen=True)
class Mail:
    """A mail that was sent to somebody."""

    id: int
    customer_id: int
    token: str


def mail_to(app: App, name: str, **values: Any) -> Mail:
    with app.db.write() as session:
        store = session.scalar(select(Store)) or make.store(session)
        customer = make.customer(session, store, name)
        version = make.template(session, store, f"mail_{name.lower()}")
        version.links = [
            {"number": 1, "url": SALE, "label": "Sale", "is_dynamic": False},
            {"number": 2, "url": "{{ cart.recovery_url }}", "label": "Cart", "is_dynamic": True},
            {"number": 3, "url": "javascript:alert(1)", "label": "No", "is_dynamic": False},
        ]
        row = make.message(session, customer, template_version_id=version.id, **values)
        return Mail(row.id, customer.id, links.token(links.key_of(app.keyring), row.public_id))


@pytest.fixture
def mail(app: App) -> Mail:
    return mail_to(app, "Ada")


def events(app: App, kind: str | None = None) -> list[MessageEvent]:
    with app.db.read() as session:
        found = [e for e in session.scalars(select(MessageEvent).order_by(MessageEvent.id)) if kind in (None, e.type)]
        session.expunge_all()
    return found


def message(app: App, mail: Mail) -> Message:
    with app.db.read() as session:
        row = session.get_one(Message, mail.id)
        session.expunge_all()
    return row


def engaged_at(app: App, mail: Mail) -> datetime | None:
    with app.db.read() as session:
        return session.get_one(Customer, mail.customer_id).engaged_at


def standing(app: App, mail: Mail) -> str | None:
    with app.db.read() as session:
        return session.scalar(select(ConsentState.status).where(ConsentState.customer_id == mail.customer_id))


def ledger(app: App) -> list[tuple[str, str]]:
    with app.db.read() as session:
        return [(line.status, line.source) for line in session.scalars(select(Consent).order_by(Consent.id))]


def click(web: FlaskClient, mail: Mail, number: int = 1, query: dict[str, str] | None = None, **headers: str) -> Any:
    said = {"User-Agent": PERSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return web.get(f"/c/{mail.token}/{number}", query_string=query, headers=said)


# Clicks


def test_a_click_leads_where_the_link_says_and_is_remembered(web: FlaskClient, app: App, mail: Mail) -> None:
    answer = click(web, mail)
    assert (answer.status_code, answer.headers["Location"]) == (302, SALE)
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    (event,) = events(app)
    assert (event.type, event.link, event.url, event.is_machine) == ("click", 1, SALE, False)
    assert message(app, mail).clicked_at == NOW
    assert engaged_at(app, mail) == NOW


def test_a_computed_target_needs_our_signature(web: FlaskClient, app: App, mail: Mail) -> None:
    target = "https://wren.example.com/recover/c1?x=1&y=%2F"
    signature = links.sign_target(links.key_of(app.keyring), target)
    answer = click(web, mail, 2, {"u": target, "s": signature})
    assert (answer.status_code, answer.headers["Location"]) == (302, target)
    for query in (
        {"u": "https://evil.example.net/", "s": signature},
        {"u": target, "s": signature[:-1] + "A"},
        {"u": target, "s": ""},
        {"u": target},
        {"u": "", "s": signature},
        {"u": target, "s": "ä" * 22},
    ):
        assert click(web, mail, 2, query).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.net",
        "/\\evil.example.net",
        "https://a.example\r\nSet-Cookie: a=1",
        "ftp://x.example",
        "\thttps://x.example",
        "",
    ],
)
def test_even_a_signed_target_must_be_a_web_address(web: FlaskClient, app: App, mail: Mail, url: str) -> None:
    answer = click(web, mail, 2, {"u": url, "s": links.sign_target(links.key_of(app.keyring), url)})
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("number", [0, 2, 3, 4, 99999999999999999999])
def test_a_link_that_the_mail_does_not_have_leads_nowhere(web: FlaskClient, app: App, mail: Mail, number: int) -> None:
    assert click(web, mail, number).status_code == 404
    assert events(app) == []


@pytest.mark.parametrize(
    "agent",
    ["", "Mozilla/5.0 (compatible; BingPreview/1.0b)", "Barracuda Sentinel (EE)", "python-requests/2.32", "curl/8.5"],
)
def test_a_scanners_click_is_kept_and_counts_for_nothing(web: FlaskClient, app: App, mail: Mail, agent: str) -> None:
    assert click(web, mail, User_Agent=agent).status_code == 302
    assert [e.is_machine for e in events(app)] == [True]
    assert message(app, mail).clicked_at is None
    assert engaged_at(app, mail) is None


def test_a_prefetch_is_no_click(web: FlaskClient, app: App, mail: Mail) -> None:
    click(web, mail, Sec_Purpose="prefetch;prerender")
    assert [e.is_machine for e in events(app)] == [True]


def test_looking_only_at_the_head_is_no_click(web: FlaskClient, app: App, mail: Mail) -> None:
    assert web.head(f"/c/{mail.token}/1").status_code == 302
    assert events(app) == []


def test_five_clicks_within_a_second_were_all_a_machines(
    web: FlaskClient, app: App, mail: Mail, clock: TurnableClock
) -> None:
    for n in range(4):
        click(web, mail)
        clock.turn(timedelta(milliseconds=100))
        assert message(app, mail).clicked_at == NOW, n
    click(web, mail)
    assert [e.is_machine for e in events(app)] == [True] * 5
    assert message(app, mail).clicked_at is None
    assert engaged_at(app, mail) is None
    clock.turn(timedelta(minutes=5))
    click(web, mail)
    assert message(app, mail).clicked_at == NOW + timedelta(minutes=5, milliseconds=400)
    assert engaged_at(app, mail) == message(app, mail).clicked_at


def test_a_burst_does_not_undo_what_a_person_did_before(
    web: FlaskClient, app: App, mail: Mail, clock: TurnableClock
) -> None:
    click(web, mail)
    clock.turn(timedelta(hours=1))
    for _ in range(6):
        click(web, mail)
    assert message(app, mail).clicked_at == NOW
    assert engaged_at(app, mail) == NOW


def test_five_slow_clicks_are_a_persons(web: FlaskClient, app: App, mail: Mail, clock: TurnableClock) -> None:
    for _ in range(8):
        click(web, mail)
        clock.turn(timedelta(seconds=1))
    assert [e.is_machine for e in events(app)] == [False] * 8


def test_a_mail_keeps_only_so_many_hits(
    web: FlaskClient, app: App, mail: Mail, clock: TurnableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automation.engagement.MOST", 3)
    for _ in range(5):
        assert click(web, mail).status_code == 302
        clock.turn(timedelta(minutes=1))
    assert len(events(app)) == 3


def test_a_test_mails_click_is_nobodys(web: FlaskClient, app: App) -> None:
    mail = mail_to(app, "Ada", is_test=True)
    assert click(web, mail).status_code == 302
    assert events(app) == []
    assert engaged_at(app, mail) is None


def test_a_locked_database_does_not_stop_a_shopper(web: FlaskClient, app: App, mail: Mail) -> None:
    if not app.db.is_sqlite:
        pytest.skip("PostgreSQL locks rows, not the database")
    click(web, mail)  # both threads have their connections
    with app.db.engine.connect() as other:
        other.execute(text("UPDATE messages SET kills = 0"))  # holds the one lock for writing that there is
        assert click(web, mail).headers["Location"] == SALE
        assert web.get(f"/o/{mail.token}.gif").status_code == 200
        assert len(events(app)) == 1
        other.rollback()
    click(web, mail)
    assert sum(e.type == "click" for e in events(app)) == 3  # what waited was written after all


def test_a_click_that_cannot_be_written_still_leads_on(web: FlaskClient, app: App, mail: Mail) -> None:
    with app.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE message_events RENAME TO elsewhere"))
    try:
        assert click(web, mail).headers["Location"] == SALE
    finally:
        with app.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO message_events"))


# Opens


def open_(web: FlaskClient, mail: Mail, agent: str = PERSON) -> TestResponse:
    return web.get(f"/o/{mail.token}.gif", headers={"User-Agent": agent})


def test_an_open_is_a_pixel_and_no_engagement(web: FlaskClient, app: App, mail: Mail) -> None:
    answer = open_(web, mail)
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("image/gif", "no-store")
    assert answer.data.startswith(b"GIF89a\x01\x00\x01\x00")
    assert message(app, mail).opened_at == NOW
    assert engaged_at(app, mail) is None


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ],
)
def test_a_mail_programs_proxy_is_no_reader(web: FlaskClient, app: App, mail: Mail, agent: str) -> None:
    open_(web, mail, agent)
    assert [e.is_machine for e in events(app, "open")] == [True]
    assert message(app, mail).opened_at is None


def test_a_strangers_pixel_looks_the_same(web: FlaskClient, app: App, mail: Mail) -> None:
    known, unknown = open_(web, mail), web.get("/o/" + "a" * 48 + ".gif")
    assert (known.data, known.status_code, dict(known.headers)) == (
        unknown.data,
        unknown.status_code,
        dict(unknown.headers),
    )
    assert len(events(app)) == 1


# Unsubscribing


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


# In a browser


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

    @settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
        address = path.format(token.replace("/", "").replace("?", "").replace("#", ""), more.replace("/", ""))
        answer = web.open(address, method="POST" if is_post else "GET", query_string=query, headers=headers)
        assert answer.status_code < 500, (address, answer.data)
        assert "Location" not in answer.headers or answer.status_code == 308

    throw()
    assert ledger(app) == before
    assert events(app) == []
