"""Settings: the first visit makes the store, later ones change it; rules keep only what differs."""

from __future__ import annotations

from datetime import time

from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Admin, AuditEntry, Installation, Store
from automation.policy import Policy
from tests.webapp.visitors import Visitor, logged_in

SENDER = {
    "name": "Wren",
    "sender_email": "hello@wren.example.com",
    "postal_address": "1 Market Street\nBerlin",
    "timezone": "Europe/Paris",
    "currency": "EUR",
}


def the_store(app: App) -> Store:
    with app.db.read() as session:
        return session.scalars(select(Store)).one()


def test_an_installation_without_a_store_asks_for_one_and_gets_it(site: Flask, app: App) -> None:
    visitor = logged_in(site, app)
    assert "There is no store yet" in visitor.get("/").text
    assert visitor.post("/settings/sender", SENDER).status_code == 303
    store = the_store(app)
    assert (store.name, store.timezone, store.postal_address) == ("Wren", "Europe/Paris", "1 Market Street\nBerlin")
    assert visitor.get("/").status_code == 200


def test_a_sender_with_mistakes_changes_nothing(app: App, owner: Visitor) -> None:
    before = the_store(app).name
    wrong = {
        **SENDER,
        "sender_email": "no address",
        "timezone": "Mars/North",
        "currency": "euro",
        "name": "a\r\nBcc: x",
    }
    answer = owner.post("/settings/sender", wrong)
    assert answer.status_code == 422
    assert 'value="no address"' in answer.text
    assert answer.text.count("invalid-feedback") == 4
    assert the_store(app).name == before


def test_rules_store_only_what_differs_from_the_defaults(app: App, owner: Visitor) -> None:
    typed = {
        "policy_gap_hours": "24",
        "policy_defer_hours": "48",
        "policy_quiet_from": "22:30",
        "policy_quiet_until": "08:00",
        "policy_catch_up_hours": "48",
        "policy_attribution_days": "5",
    }
    assert owner.post("/settings/policy", typed).status_code == 303
    assert set(the_store(app).policy) == {"gap_hours", "quiet_from"}
    policy = Policy.model_validate(the_store(app).policy)
    assert (policy.gap_hours, policy.quiet_from, policy.quiet_until) == (24, time(22, 30), time(8))
    answer = owner.post("/settings/policy", {**typed, "policy_gap_hours": "-1"})
    assert answer.status_code == 422
    assert 'value="-1"' in answer.text


def test_all_sending_is_paused_and_resumed_and_both_are_written_down(app: App, owner: Visitor) -> None:
    owner.post("/settings/sending", {"is_paused": "yes"})
    assert ">Paused<" in owner.get("/").text.replace("\n", "")
    with app.db.read() as session:
        assert session.get_one(Installation, 1).is_paused
    owner.post("/settings/sending", {"is_paused": "no"})
    with app.db.read() as session:
        assert not session.get_one(Installation, 1).is_paused
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-2:] == ["sending.paused", "sending.resumed"]


def test_a_viewer_sees_the_settings_but_no_button(site: Flask, app: App, owner: Visitor) -> None:
    page = logged_in(site, app, "viewer").get("/settings/").text
    assert "Wren" in page
    assert 'type="submit" class="btn btn-primary"' not in page


def test_an_admin_asks_for_notices_by_mail_and_ends_them(app: App, owner: Visitor) -> None:
    page = owner.get("/account").text
    assert "Mail me what a person should see to" in page
    assert owner.post("/account/mails", {"wants_mails": "on"}).status_code == 303
    with app.db.read() as session:
        assert [row.wants_mails for row in session.scalars(select(Admin))] == [True]
    assert "checked" in owner.get("/account").text
    assert owner.post("/account/mails", {}).status_code == 303
    with app.db.read() as session:
        assert [row.wants_mails_since for row in session.scalars(select(Admin))] == [None]
