"""Several stores in one installation: one is open, and pages are about that one."""

from __future__ import annotations

from flask import Flask
from markupsafe import escape
from sqlalchemy import select

from automation.app import App
from automation.models import AuditEntry, Connection, Store, Template
from tests import make
from tests.webapp.pages.test_settings import SENDER
from tests.webapp.visitors import Visitor, logged_in


def test_another_store_opens_with_a_mailbox_and_mails_of_its_own(app: App, owner: Visitor, store: Store) -> None:
    with app.db.write() as session:
        make.customer(session, store, "Ada")
    assert owner.post("/stores/", {**SENDER, "name": "Second"}).status_code == 303
    with app.db.read() as session:
        second = session.scalars(select(Store).where(Store.name == "Second")).one()
        kinds = session.scalars(select(Connection.kind).where(Connection.store_id == second.id)).all()
        assert kinds == ["mailbox"]
        assert session.scalars(select(Template).where(Template.store_id == second.id)).first() is not None
        assert "store.changed" in session.scalars(select(AuditEntry.action)).all()
    assert "No customers yet" in owner.get("/customers/").text
    owner.post(f"/stores/{store.public_id}/open")
    assert "Ada" in owner.get("/customers/").text


def test_what_is_wrong_with_a_new_store_is_said_beside_what_was_typed(app: App, owner: Visitor) -> None:
    answer = owner.post("/stores/", {**SENDER, "name": "", "currency": "euro"})
    assert answer.status_code == 422
    assert 'value="euro"' in answer.text
    with app.db.read() as session:
        assert len(session.scalars(select(Store)).all()) == 1


def test_each_visitor_opens_their_own_and_unknown_ones_are_not_there(
    site: Flask, app: App, owner: Visitor, store: Store
) -> None:
    with app.db.write() as session:
        second = make.store(session, name="Second")
    viewer = logged_in(site, app, "viewer")
    assert viewer.post(f"/stores/{second.public_id}/open").status_code == 303
    assert 'aria-label="Second: switch' in viewer.get("/stores/").text
    assert f'aria-label="{escape(store.name)}: switch' in owner.get("/stores/").text
    assert owner.post("/stores/nothing/open").status_code == 404
    assert viewer.get("/stores/new").status_code == 403
