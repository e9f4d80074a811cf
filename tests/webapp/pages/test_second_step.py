"""The second step: set up by a code, asked for at every log-in, never taken twice."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from automation.actions import admins
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Admin, Store
from tests.webapp.visitors import Visitor, an_admin, logged_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PASSWORD = "correct horse battery"
HALF_MINUTE = timedelta(seconds=30)


def code(secret: str, clock: TurnableClock) -> str:
    return pyotp.TOTP(secret).at(clock())


def set_up(app: App, site: Flask, clock: TurnableClock) -> tuple[str, list[str]]:
    """An owner with a password and a second step: its secret, and the recovery codes."""
    owner = logged_in(site, app, "owner")
    with app.db.write() as session:
        row = session.scalars(select(Admin).where(Admin.role == "owner")).one()
        admins.set_password(session, row, PASSWORD, clock())
    owner = logged_in(site, app, "owner")
    page = owner.post("/account/second-step").text
    secret = re.search(r'id="secret"[^>]*value="([A-Z2-7]+)"', page)
    assert secret is not None
    assert b"<svg" in owner.get("/account/second-step.svg").data
    assert owner.post("/account/second-step/on", {"code": "000000"}).status_code == 422
    done = owner.post("/account/second-step/on", {"code": code(secret[1], clock)}).text
    codes = re.findall(r"<code[^>]*>([a-z2-9]{10})</code>", done)
    assert len(codes) == 10
    assert owner.get("/account/second-step.svg").status_code == 404
    return secret[1], codes


def with_password(site: Flask) -> Visitor:
    visitor = Visitor(site)
    answer = visitor.post("/login", {"email": "owner@example.com", "password": PASSWORD, "next": "/campaigns/"})
    assert answer.headers["Location"].endswith("/login-code")
    assert visitor.get("/campaigns/").status_code == 302
    return visitor


def test_a_code_is_asked_for_and_works_once(site: Flask, app: App, clock: TurnableClock, store: Store) -> None:
    secret, _ = set_up(app, site, clock)
    clock.turn(HALF_MINUTE)
    visitor = with_password(site)
    shown = code(secret, clock)
    assert visitor.post("/login-code", {"code": "123456"}).status_code == 422
    assert visitor.post("/login-code", {"code": shown}).headers["Location"].endswith("/campaigns/")
    assert visitor.get("/campaigns/").status_code == 200
    assert with_password(site).post("/login-code", {"code": shown}).status_code == 422


def test_a_recovery_code_works_once_and_a_log_in_link_asks_for_a_code_too(
    site: Flask, app: App, clock: TurnableClock, store: Store
) -> None:
    _, codes = set_up(app, site, clock)
    assert with_password(site).post("/login-code", {"code": codes[0].upper()}).status_code == 303
    assert with_password(site).post("/login-code", {"code": codes[0]}).status_code == 422
    with app.db.write() as session:
        token = admins.login_link(session, session.scalars(select(Admin)).one(), clock())
    visitor = Visitor(site)
    assert visitor.post(f"/login/{token}").headers["Location"].endswith("/login-code")


def test_guesses_are_slowed_down_and_the_question_does_not_wait_for_ever(
    site: Flask, app: App, clock: TurnableClock, store: Store
) -> None:
    set_up(app, site, clock)
    visitor = with_password(site)
    answers = [visitor.post("/login-code", {"code": f"{n:06}"}).status_code for n in range(12)]
    assert answers[0] == 422
    assert answers[-1] == 429
    clock.turn(timedelta(minutes=20))
    assert visitor.get("/login-code").status_code == 302
    assert Visitor(site).get("/login-code").status_code == 302


def is_on(app: App) -> bool:
    with app.db.read() as session:
        return session.scalars(select(Admin.totp_on_at).where(Admin.email == "owner@example.com")).one() is not None


def test_it_is_switched_off_by_a_code_only_and_guesses_are_counted(
    site: Flask, app: App, clock: TurnableClock, store: Store
) -> None:
    secret, codes = set_up(app, site, clock)
    owner = logged_in(site, app, "owner")
    clock.turn(HALF_MINUTE)
    for n in range(12):
        owner.post("/account/second-step/off", {"code": f"{n:06}"})
    owner.post("/account/second-step/off", {"code": code(secret, clock)})
    assert "too many" in owner.get("/account").text
    assert is_on(app)
    clock.turn(timedelta(minutes=20))
    owner.post("/account/second-step/off", {})
    assert is_on(app)
    owner.post("/account/second-step/off", {"code": codes[3]})
    assert not is_on(app)
    with app.db.read() as session:
        row = session.scalars(select(Admin)).one()
        assert (row.totp_on_at, row.totp_sealed, row.recovery_hashes) == (None, None, None)


def test_an_owner_switches_it_off_for_somebody_who_lost_everything(
    site: Flask, app: App, clock: TurnableClock, store: Store
) -> None:
    set_up(app, site, clock)
    an_admin(app, "owner", "second@example.com")
    with app.db.write() as session:
        second = session.scalars(select(Admin).where(Admin.email == "second@example.com")).one()
        first = session.scalars(select(Admin.id).where(Admin.email == "owner@example.com")).one()
        token = admins.start_session(session, second, clock())
    other = Visitor(site)
    other.client.set_cookie("__Host-cartwheel", token, domain="mail.example.com", secure=True, httponly=True)
    other.post(f"/settings/team/{first}/second-step")
    with app.db.read() as session:
        assert session.get_one(Admin, first).totp_on_at is None
