"""A new installation: a store with a mailbox and mails, and somebody who can log in."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from automation.actions import setup, templates
from automation.actions.admins import use_login_link
from automation.app import App
from automation.errors import Unreadable
from automation.models import Admin, Connection, Store, Template
from tests.conftest import NOW


def test_the_first_store_has_the_mailbox_and_every_mail_and_is_made_once(app: App) -> None:
    with app.db.write() as session:
        first = setup.open_store(app, session, NOW)
        assert setup.open_store(app, session, NOW).id == first.id
    with app.db.read() as session:
        assert session.scalar(select(func.count(Store.id))) == 1
        provider = session.scalars(select(Connection)).one()
        assert (provider.kind, provider.is_default) == ("mailbox", True)
        assert sorted(session.scalars(select(Template.name))) == sorted(templates.built_in())


def test_a_link_lets_the_same_admin_in_again(app: App) -> None:
    with app.db.write() as session:
        assert not setup.has_admin(session)
        one = setup.let_in(session, "Ada@Example.com", NOW)
        two = setup.let_in(session, "ada@example.com", NOW, role="viewer")
        assert setup.has_admin(session)
        assert session.scalars(select(Admin.role)).all() == ["owner"]
        for token in (one, two):
            admin = use_login_link(session, token, NOW)
            assert admin is not None
            assert admin.email == "ada@example.com"
            assert use_login_link(session, token, NOW) is None


def test_what_is_no_address_lets_nobody_in(app: App) -> None:
    with pytest.raises(Unreadable), app.db.write() as session:
        setup.let_in(session, "ada", NOW)
