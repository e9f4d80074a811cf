from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from automation.app import App
from automation.clock import TurnableClock
from automation.rendering import links
from tests.conftest import NOW
from tests.webapp.doors.mailed import PERSON, SALE, Mail, click, engaged_at, events, mail_to, message


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


@pytest.mark.parametrize("number", [2, 3, 4, 99999999999999999999])
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
