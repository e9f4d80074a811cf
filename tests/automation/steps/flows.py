"""A store with one campaign whose flow a test writes, and customers who walk through it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.models import Campaign, Customer, Enrolment, Message, Store
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW

MAIL: dict[str, Any] = {"template": "cart_reminder_1"}


def node(step_id: str, kind: str, branches: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """A step as JSON."""
    return {"id": step_id, "kind": kind, "settings": settings, "branches": branches or {}}


def mail(step_id: str) -> dict[str, Any]:
    """A step that sends a mail."""
    return node(step_id, "mail", **MAIL)


class World:
    """People named A0, A1 … who had an event that starts the campaign, just now."""

    def __init__(self, app: App, flow: list[dict[str, Any]], people: int = 1, **changes: Any) -> None:
        self.app = app
        changes = {"trigger": {"kind": "event_happened", "settings": {"event": "began"}}, "cooldown_days": 0, **changes}
        with app.db.write() as session:
            self.store: Store = make.store(session)
            self.campaign: Campaign = make.campaign(app, session, self.store, flow=flow, **changes)
            self.people: list[Customer] = [make.customer(session, self.store, f"A{i}") for i in range(people)]
        for person in self.people:
            self.happens(person, "began", NOW)

    def happens(self, person: Customer, name: str, at: datetime, **properties: Any) -> None:
        """Something happens to a customer, without anybody being told."""
        with self.app.db.write() as session:
            store = session.get_one(Store, self.store.id)
            make.event(session, store, session.get_one(Customer, person.id), name, at, **properties)

    def run(self) -> None:
        """Enrol and advance until both rest."""
        while enrol(self.app, self.app.clock(), 10_000) + advance(self.app, self.app.clock(), 1000):
            pass

    def mailed(self, person: int = 0) -> list[str]:
        """The steps that drafted a mail for a customer, in order."""
        with self.app.db.read() as session:
            wanted = select(Message.step_id).where(Message.customer_id == self.people[person].id).order_by(Message.id)
            return [step or "" for step in session.scalars(wanted)]

    def places(self) -> list[Enrolment]:
        """All enrolments, in the order of their customers."""
        with self.app.db.read() as session:
            return list(session.scalars(select(Enrolment).order_by(Enrolment.customer_id, Enrolment.id)))


HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
