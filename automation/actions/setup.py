"""What a new installation needs before anybody can log in: a store, its mailbox, its mails, an owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import templates
from automation.actions.admins import create_admin, login_link
from automation.actions.stores import Sender, save_sender
from automation.addresses import normal_form
from automation.app import App
from automation.connections import connect
from automation.models import Admin, Store
from automation.security import random_id


def open_store(app: App, session: Session, now: datetime) -> Store:
    """The installation's first store; made when there is none: nameless yet, with the mailbox and every mail."""
    store = session.scalars(select(Store).order_by(Store.id)).first()
    if store is not None:
        return store
    store = Store(public_id=random_id(), name="My store", created_at=now)
    session.add(store)
    session.flush()
    furnish(app, session, store, now)
    return store


def add_store(app: App, session: Session, sender: Sender, now: datetime, admin_id: int | None = None) -> Store:
    """One more store, with a mailbox and mails of its own; nobody gets a mail before a provider is connected to it."""
    store = save_sender(session, None, sender, now, admin_id)
    furnish(app, session, store, now)
    return store


def furnish(app: App, session: Session, store: Store, now: datetime) -> None:
    """Give a store its built-in mailbox and the mails that come with the machine."""
    connect(
        app, session, store_id=store.id, role="provider", kind="mailbox", name="Built-in mailbox", settings={}, now=now
    )
    templates.install(app, session, store, now)


def has_admin(session: Session) -> bool:
    """Whether anybody could log in."""
    return session.scalars(select(Admin.id).where(Admin.is_disabled.is_(False)).limit(1)).first() is not None


def let_in(session: Session, email: str, now: datetime, *, role: str = "owner") -> str:
    """The token of a link that logs this address in once; the admin is made when there is none of it.

    Raises Unreadable for what is no address.
    """
    known = session.scalars(select(Admin).where(Admin.email == normal_form(email))).first()
    return login_link(session, known or create_admin(session, email, now, role=role), now)
