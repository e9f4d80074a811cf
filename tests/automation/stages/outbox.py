"""A shop with ready messages, and workers that die where a test says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import faults
from automation.app import App
from automation.errors import Later
from automation.models import (
    Message,
    Store,
)
from automation.provider import Mail, Outcome
from tests import make


class Died(BaseException):
    """The worker is gone at this instruction."""


def die_at(point: str) -> None:
    """The next worker to pass `point` dies there."""

    def act(name: str) -> None:
        if name == point:
            faults.arm(None)
            raise Died

    faults.arm(act)


def shop(app: App, session: Session, *names: str, **values: Any) -> tuple[Store, list[Message]]:
    """A store that sends through the scripted provider, with a ready message for each name."""
    store = make.store(session)
    make.connection(app, session, store, "provider", "scripted")
    people = [make.customer(session, store, name) for name in names]
    return store, [make.message(session, c, **{"state": "ready", **values}) for c in people]


def rows(app: App) -> list[Message]:
    with app.db.read() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def states(app: App) -> list[tuple[str, str]]:
    return [(m.state, m.reason) for m in rows(app)]


def busy(mails: Sequence[Mail], key: str) -> list[Outcome]:
    """The provider's bad day."""
    raise Later("too many requests")
