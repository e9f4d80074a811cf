"""Connections, as a manager uses them: connect, check, prefer, pause, remove, make a key, send oneself a mail."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from flask import Flask
from sqlalchemy import select

from automation.actions import test_mails
from automation.app import App
from automation.connections import settings_of
from automation.models import (
    ApiKey,
    Connection,
    ConsentState,
    Customer,
    Errand,
    Message,
    Store,
    Template,
    TemplateVersion,
)
from automation.security import random_id, token_hash
from tests import make
from tests.conftest import NOW, Net
from tests.webapp.visitors import Visitor, logged_in


def connection(app: App, store: Store, role: str, kind: str, **settings: str) -> Connection:
    with app.db.write() as session:
        return make.connection(app, session, store, role, kind, NOW, **settings)


def stored(app: App) -> list[Connection]:
    with app.db.read() as session:
        return list(session.scalars(select(Connection).order_by(Connection.id)))


@pytest.fixture
def mailbox(app: App, store: Store) -> Connection:
    return connection(app, store, "provider", "mailbox")


@pytest.fixture
def postmark(app: App, mailbox: Connection, store: Store) -> Connection:
    return connection(app, store, "provider", "postmark", server_token="tok-secret", webhook_password="pass-word-123")


def test_a_shop_is_connected_with_its_secret_sealed_and_its_address_shown(app: App, owner: Visitor) -> None:
    assert "Shopify" in owner.get("/connections/new/platform").text
    answer = owner.post(
        "/connections/new/platform/shopify", {"secret": "shh-very-secret", "connection_name": "Our shop"}
    )
    row = stored(app)[0]
    assert answer.headers["Location"] == f"/connections/{row.public_id}"
    assert (row.name, row.kind, row.role) == ("Our shop", "shopify", "platform")
    assert b"shh" not in row.secrets
    assert settings_of(app, row).model_dump()["secret"].get_secret_value() == "shh-very-secret"
    page = owner.get(f"/connections/{row.public_id}").text
    assert f"https://mail.example.com/hooks/{row.public_id}" in page
    assert "carts/update" in page
    for path in ("", "/settings"):
        assert "shh-very" not in owner.get(f"/connections/{row.public_id}{path}").text


def test_a_form_with_mistakes_comes_back_with_them_and_with_what_was_typed(app: App, owner: Visitor) -> None:
    answer = owner.post(
        "/connections/new/provider/postmark",
        {"connection_name": "Mine", "server_token": "", "broadcast_stream": "Not A Stream"},
    )
    assert answer.status_code == 422
    assert "This is needed." in answer.text
    assert 'value="Not A Stream"' in answer.text
    assert 'value="Mine"' in answer.text
    assert not stored(app)


def test_settings_keep_the_secret_that_was_not_typed_again(app: App, owner: Visitor, postmark: Connection) -> None:
    path = f"/connections/{postmark.public_id}/settings"
    page = owner.get(path).text
    assert "leave empty to keep it" in page
    assert "tok-secret" not in page
    answer = owner.post(path, {"connection_name": "Postmark EU", "server_token": "", "broadcast_stream": "news"})
    assert answer.status_code == 303
    row = stored(app)[1]
    kept = settings_of(app, row).model_dump()
    assert (row.name, kept["broadcast_stream"]) == ("Postmark EU", "news")
    assert kept["server_token"].get_secret_value() == "tok-secret"


def test_who_may_not_change_it_does_not_see_what_proves_a_webhook(
    site: Flask, app: App, owner: Visitor, postmark: Connection
) -> None:
    path = f"/connections/{postmark.public_id}"
    assert "pass-word-123" in owner.get(path).text
    assert "pass-word-123" not in logged_in(site, app, "viewer").get(path).text


def test_the_check_says_in_words_whether_the_provider_lets_us_in(
    app: App, owner: Visitor, postmark: Connection, net: Net
) -> None:
    net.answer = lambda _: httpx.Response(401, json={"ErrorCode": 10, "Message": "Bad token"})
    answer = owner.post(f"/connections/{postmark.public_id}/check", headers={"HX-Request": "true"})
    assert "alert-danger" in answer.text
    assert "danger" in answer.headers["HX-Trigger"]
    assert all(r.headers["X-Postmark-Server-Token"] == "tok-secret" for r in net.requests)
    assert "tok-secret" not in answer.text


def test_only_one_provider_carries_the_mails(app: App, owner: Visitor, postmark: Connection) -> None:
    assert "Test mode" in owner.get("/").text
    owner.post(f"/connections/{postmark.public_id}/do/prefer")
    assert [row.is_default for row in stored(app)] == [False, True]
    assert "Test mode" not in owner.get("/").text


def test_a_paused_provider_cannot_be_preferred(app: App, owner: Visitor, postmark: Connection) -> None:
    owner.post(f"/connections/{postmark.public_id}/do/pause")
    answer = owner.post(f"/connections/{postmark.public_id}/do/prefer")
    assert answer.status_code == 302
    assert [row.is_default for row in stored(app)] == [True, False]
    assert "Only an active mail provider" in owner.get("/").text
    owner.post(f"/connections/{postmark.public_id}/do/resume")
    assert stored(app)[1].state == "active"


def test_removing_takes_the_unused_one_and_refuses_the_one_that_mails_leave_through(
    app: App, owner: Visitor, mailbox: Connection, postmark: Connection
) -> None:
    owner.post(f"/connections/{mailbox.public_id}/remove")
    owner.post(f"/connections/{postmark.public_id}/remove")
    assert [row.kind for row in stored(app)] == ["mailbox"]


def test_a_key_is_shown_once_and_can_be_taken_back(app: App, owner: Visitor, store: Store) -> None:
    api = connection(app, store, "platform", "api")
    path = f"/connections/{api.public_id}"
    page = owner.post(f"{path}/keys", {"name": "Storefront", "scope": ["events:write"]}).text
    found = re.search(r'value="(cw_[\w-]+)"', page)
    assert found
    with app.db.read() as session:
        key = session.scalars(select(ApiKey)).one()
    assert (key.key_hash, key.scopes, key.connection_id) == (token_hash(found[1]), ["events:write"], api.id)
    assert found[1] not in owner.get(path).text
    owner.post(f"{path}/keys/{key.id}/revoke")
    with app.db.read() as session:
        assert session.scalars(select(ApiKey)).one().revoked_at is not None


def template(app: App, store: Store) -> int:
    with app.db.write() as session:
        row = Template(
            public_id=random_id(), store_id=store.id, name="welcome", title="Welcome", created_at=NOW, updated_at=NOW
        )
        session.add(row)
        session.flush()
        version = TemplateVersion(
            template_id=row.id, number=1, subject="Hi", mjml="", html="", text="", links=[], names=[], created_at=NOW
        )
        session.add(version)
        session.flush()
        row.latest_version_id = version.id
        return row.id


def test_a_test_mail_goes_to_the_admin_who_asked_and_is_no_consent(
    app: App, owner: Visitor, mailbox: Connection, store: Store
) -> None:
    mail = template(app, store)
    for _ in range(2):
        owner.post(f"/connections/{mailbox.public_id}/test-mail", {"template": str(mail)})
    with app.db.read() as session:
        person = session.scalars(select(Customer)).one()
        mails = session.scalars(select(Message)).all()
        assert not session.scalars(select(ConsentState)).all()
    assert (person.email, person.tags) == ("owner@example.com", [test_mails.TAG])
    assert {(m.state, m.is_test, m.mail_class, m.customer_id) for m in mails} == {
        ("ready", True, "transactional", person.id)
    }
    assert len(mails) == 2


def test_no_test_mail_leaves_through_a_broken_provider(
    app: App, owner: Visitor, mailbox: Connection, store: Store
) -> None:
    mail = template(app, store)
    with app.db.write() as session:
        session.get_one(Connection, mailbox.id).state = "broken"
    owner.post(f"/connections/{mailbox.public_id}/test-mail", {"template": str(mail)})
    with app.db.read() as session:
        assert not session.scalars(select(Message)).all()


def test_what_is_not_there_is_not_found(owner: Visitor) -> None:
    for path in ("nothing", "new/platform/nothing", "new/nothing", "new/provider/shopify"):
        assert owner.get(f"/connections/{path}").status_code == 404


def test_a_shop_that_can_be_asked_shows_what_is_asked_of_it(app: App, owner: Visitor, net: Net) -> None:
    settings = {"shop_url": "https://shop.example.com", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
    assert owner.post("/connections/new/platform/woocommerce", settings).status_code == 303
    (row,) = stored(app)
    page = owner.get(f"/connections/{row.public_id}").text
    for words in ("Everything the shop has", "What webhooks missed", "Check the settings", "order.created"):
        assert words in page
    net.answer = lambda _: httpx.Response(200, json=[], headers={"X-WP-Total": "12"})
    assert "12 orders" in owner.post(f"/connections/{row.public_id}/check").text
    with app.db.write() as session:
        session.query(Errand).update({"state": "failed", "message": "401: no such key"})
    assert "401: no such key" in owner.get(f"/connections/{row.public_id}").text
    assert owner.post(f"/connections/{row.public_id}/errands/back_fill").status_code == 303
    with app.db.read() as session:
        states = dict(session.execute(select(Errand.kind, Errand.state)).all())
    assert states == {"subscribe": "failed", "back_fill": "waiting", "reconcile": "failed"}
    assert owner.post(f"/connections/{row.public_id}/errands/gossip").status_code == 404
    assert owner.post(f"/connections/{row.public_id}/remove").status_code == 303
    assert stored(app) == []


def test_a_back_fill_shows_how_much_is_done_of_how_much_and_until_when(app: App, owner: Visitor) -> None:
    settings = {"shop_url": "https://shop.example.com", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
    owner.post("/connections/new/platform/woocommerce", settings)
    (row,) = stored(app)
    with app.db.write() as session:
        back_fill = session.query(Errand).filter_by(kind="back_fill").one()
        back_fill.cursor, back_fill.progress, back_fill.taken, back_fill.refused = "orders:3", 0.25, 500, 2
        back_fill.started_at, back_fill.updated_at = NOW - timedelta(minutes=10), NOW
    page = " ".join(re.sub("<[^>]+>", "", owner.get(f"/connections/{row.public_id}").text).split())
    assert "500 of about 2,000 changes, 2 objects not readable. Done in 30 minutes, at this pace." in page
    with app.db.write() as session:
        back_fill = session.query(Errand).filter_by(kind="back_fill").one()
        back_fill.failures, back_fill.message, back_fill.due_at = 1, "503: busy", NOW + timedelta(minutes=1)
    page = " ".join(re.sub("<[^>]+>", "", owner.get(f"/connections/{row.public_id}").text).split())
    assert "503: busy Next in 1 minute" in page
    assert "at this pace" not in page


def test_a_shop_without_keys_is_only_listened_to(app: App, owner: Visitor) -> None:
    owner.post("/connections/new/platform/woocommerce", {"shop_url": "https://shop.example.com"})
    (row,) = stored(app)
    page = owner.get(f"/connections/{row.public_id}").text
    assert "What is asked of the shop" not in page
    assert owner.post(f"/connections/{row.public_id}/check").status_code == 404
