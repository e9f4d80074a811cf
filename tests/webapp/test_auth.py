"""Logging in: by password, by link; sessions that end when they should; guesses that are slowed down."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from automation import clock as clocks
from automation.actions import admins
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Admin, AdminSession, LoginFailure, Store
from tests.webapp.visitors import SITE, Visitor, an_admin, logged_in
from webapp.auth import safe_next

PASSWORD = "correct horse battery"


@pytest.fixture
def ada(app: App, store: Store) -> str:
    """An owner with a password; answers the address."""
    admin = an_admin(app, email="ada@example.com")
    with app.db.write() as session:
        row = session.get_one(Admin, admin.id)
        admins.set_password(session, row, PASSWORD, app.clock())
    return admin.email


def sign_in(visitor: Visitor, email: str, password: str = PASSWORD, **more: str) -> int:
    return visitor.post("/login", {"email": email, "password": password, **more}).status_code


def test_the_right_password_opens_a_session_and_the_wrong_one_does_not(stranger: Visitor, ada: str) -> None:
    refused = stranger.post("/login", {"email": ada, "password": "wrong horse battery"})
    assert refused.status_code == 422
    assert 'value="ada@example.com"' in refused.text
    assert "wrong horse" not in refused.text
    assert stranger.get("/").status_code == 302
    assert sign_in(stranger, "  ADA@example.com ") == 303
    assert stranger.get("/").status_code == 200


def test_the_cookie_is_for_this_host_and_for_no_script(stranger: Visitor, ada: str, app: App) -> None:
    answer = stranger.post("/login", {"email": ada, "password": PASSWORD})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-cartwheel="))
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    value = cookie.split("=", 1)[1].split(";")[0]
    assert len(value) >= 43
    with app.db.read() as session:
        assert value not in session.scalars(select(AdminSession.id_hash)).all()


def test_logging_in_starts_a_new_session_and_ends_the_one_before(stranger: Visitor, ada: str) -> None:
    sign_in(stranger, ada)
    before = stranger.session_cookie
    token = stranger.token("/account")
    answer = stranger.post("/login", {"email": ada, "password": PASSWORD}, token=token)
    assert answer.status_code == 303
    assert stranger.session_cookie != before
    thief = Visitor(stranger.client.application)
    thief.client.set_cookie("__Host-cartwheel", before or "", domain="mail.example.com", secure=True)
    assert thief.get("/").status_code == 302


def test_logging_out_ends_the_session_on_the_server(owner: Visitor, site: Flask) -> None:
    cookie = owner.session_cookie
    assert owner.post("/logout", token=owner.token("/account")).status_code == 303
    thief = Visitor(site)
    thief.client.set_cookie("__Host-cartwheel", cookie or "", domain="mail.example.com", secure=True)
    assert thief.get("/").status_code == 302


def test_a_session_ends_when_it_is_idle_and_lives_while_it_is_used(owner: Visitor, clock: TurnableClock) -> None:
    for _ in range(3):
        clock.turn(admins.IDLE - timedelta(minutes=5))
        assert owner.get("/account").status_code == 200
    clock.turn(admins.IDLE + timedelta(seconds=1))
    assert owner.get("/account").status_code == 302


def test_no_session_outlives_its_term_however_much_it_is_used(owner: Visitor, clock: TurnableClock) -> None:
    end = clock() + admins.LONGEST
    while clock() + timedelta(hours=11) < end:
        clock.turn(timedelta(hours=11))
        assert owner.get("/account").status_code == 200
    clock.turn(timedelta(hours=11))
    assert owner.get("/account").status_code == 302


def test_changing_the_password_logs_all_other_devices_out(site: Flask, app: App, stranger: Visitor, ada: str) -> None:
    phone = Visitor(site)
    sign_in(phone, ada)
    sign_in(stranger, ada)
    token = stranger.token("/account")
    answer = stranger.post("/account/password", {"current": PASSWORD, "new": "another long phrase"}, token=token)
    assert answer.status_code == 303
    assert stranger.get("/account").status_code == 200
    assert phone.get("/account").status_code == 302
    assert sign_in(Visitor(site), ada) == 422
    assert sign_in(Visitor(site), ada, "another long phrase") == 303


@pytest.mark.parametrize(
    ("current", "new", "said"),
    [
        ("not it", "another long phrase", "not your present password"),
        (PASSWORD, "short", "at least 10"),
        (PASSWORD, "ada@example.com", "too easy"),
        (PASSWORD, "aaaaaaaaaaaa", "too easy"),
        (PASSWORD, "", "needed"),
    ],
)
def test_a_password_is_changed_only_by_its_owner_and_to_a_good_one(
    stranger: Visitor, ada: str, current: str, new: str, said: str
) -> None:
    sign_in(stranger, ada)
    answer = stranger.post("/account/password", {"current": current, "new": new}, token=stranger.token("/account"))
    assert answer.status_code == 422
    assert said in answer.text
    assert PASSWORD not in answer.text
    assert "another long phrase" not in answer.text


def test_one_device_can_be_logged_out_but_not_somebody_elses(site: Flask, app: App, owner: Visitor) -> None:
    viewer = logged_in(site, app, "viewer")
    with app.db.read() as session:
        rows = {row.admin_id: row.id_hash for row in session.scalars(select(AdminSession))}
    mine = an_admin(app, "viewer").id
    other = next(h for admin_id, h in rows.items() if admin_id != mine)
    viewer.post("/account/devices/end", {"device": other}, token=viewer.token("/account"))
    assert owner.get("/account").status_code == 200
    viewer.post("/account/devices/end", {"device": rows[mine]}, token=viewer.token("/account"))
    assert viewer.get("/account").status_code == 302


def test_a_disabled_admin_is_out_at_once(app: App, owner: Visitor) -> None:
    admin = an_admin(app)
    with app.db.write() as session:
        session.get_one(Admin, admin.id).is_disabled = True
    assert owner.get("/").status_code == 302


def link(app: App, email: str) -> str:
    admin = an_admin(app, email=email)
    with app.db.write() as session:
        return f"/login/{admins.login_link(session, admin, app.clock())}"


def test_a_log_in_link_works_once_and_looking_at_it_does_not_spend_it(site: Flask, app: App, ada: str) -> None:
    path = link(app, ada)
    visitor = Visitor(site)
    for _ in range(3):
        assert ada in visitor.get(path).text
    assert visitor.client.head(path, base_url=SITE).status_code == 200
    assert visitor.post(path).status_code == 303
    assert visitor.get("/").status_code == 200
    late = Visitor(site)
    assert late.get(path).status_code == 410
    assert late.post(path).status_code == 410
    assert late.get("/").status_code == 302


def test_a_log_in_link_does_not_last(site: Flask, app: App, ada: str, clock: TurnableClock) -> None:
    path = link(app, ada)
    clock.turn(admins.LINK_LIFE)
    assert Visitor(site).post(path).status_code == 410


def test_guesses_are_slowed_down_per_address_and_the_owner_gets_in_again(
    site: Flask, app: App, ada: str, clock: TurnableClock
) -> None:
    visitor = Visitor(site)
    token = visitor.token()
    for _ in range(admins.PER_ADDRESS):
        assert visitor.post("/login", {"email": ada, "password": "x" * 12}, token=token).status_code == 422
    assert visitor.post("/login", {"email": ada, "password": PASSWORD}, token=token).status_code == 429
    assert visitor.post("/login", {"email": "bo@example.com", "password": "x" * 12}, token=token).status_code == 422
    clock.turn(admins.WINDOW)
    assert visitor.post("/login", {"email": ada, "password": PASSWORD}, token=token).status_code == 303
    with app.db.read() as session:
        assert not session.scalars(select(LoginFailure).where(LoginFailure.subject == f"email:{ada}")).all()


def test_guesses_are_slowed_down_per_origin_whatever_address_is_tried(site: Flask, app: App, ada: str) -> None:
    with app.db.write() as session:
        session.add_all(LoginFailure(subject="ip:127.0.0.1", at=app.clock()) for _ in range(admins.PER_ORIGIN))
    assert sign_in(Visitor(site), ada) == 429


def test_an_unknown_address_takes_as_long_as_a_wrong_password(app: App, ada: str) -> None:
    def median(email: str) -> float:
        spans = []
        for n in range(7):
            start = clocks.stopwatch()
            assert admins.check_password(app, email, "x" * 12, f"192.0.2.{n}", app.clock()) is None
            spans.append(clocks.stopwatch() - start)
        return statistics.median(spans)

    known, unknown = median(ada), median("nobody@example.com")
    assert min(known, unknown) > 0.4 * max(known, unknown)


GOOD = ("/", "/campaigns/", "/customers/?q=ada&page=2", "/mailbox/abc")
EVIL = (
    "//evil.example",
    "///evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/%5cevil.example",
    "/%5Cevil.example",
    "/%2fevil.example",
    "/%2Fevil.example",
    "/%252fevil.example",
    "%2f%2fevil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\r\nSet-Cookie:x=1",
    "\thttps://evil.example",
    " //evil.example",
    "evil.example",
    "@evil.example",
    "./x",
    "../x",
    "?next=//evil.example",
    "#//evil.example",
    "/\u200b/\x00evil",
    "/%00",
    "ftp://evil.example",
    "mailto:a@evil.example",
    "//evil.example/%2e%2e",
    "/%2e%2e//evil.example\x7f",
    "/" + "a" * 600,
    "/login",
    "/login/abc",
    "/logout",
    "",
)


@pytest.mark.parametrize("target", GOOD)
def test_log_in_goes_on_to_where_one_wanted_to_go(target: str) -> None:
    assert safe_next(target) == target


@pytest.mark.parametrize("target", EVIL)
def test_log_in_never_leads_off_the_site(target: str) -> None:
    assert safe_next(target) == "/"


def test_the_whole_way_round_with_a_safe_and_an_unsafe_address(stranger: Visitor, ada: str) -> None:
    away = stranger.get("/customers/?q=ada")
    assert away.headers["Location"] == "/login?next=/customers/%3Fq%3Dada"
    form = stranger.get(away.headers["Location"]).text
    assert 'name="next" value="/customers/?q=ada"' in form
    answer = stranger.post("/login", {"email": ada, "password": PASSWORD, "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


def test_the_demos_clock_ends_no_session(app: App) -> None:
    shifted: Callable[[], object] = clocks.ShiftedClock(app.settings.data / "clock")
    assert isinstance(shifted, clocks.ShiftedClock)
    shifted.turn(timedelta(days=300))
    object.__setattr__(app, "clock", shifted)
    assert abs(admins.wall_time(app) - clocks.real_time()) < timedelta(seconds=5)
