from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import admins, forms
from automation.app import App
from automation.models import Consent, ConsentState, Customer, Form, FormVersion, Message, SignUp, Store
from automation.signup import confirming, submitting
from automation.signup.definition import FormDefinition
from automation.signup.submitting import LIMITS, MAIL, Entry, Limits
from tests import make
from tests.conftest import NOW


@dataclass
class Desk:
    """A store with a form, and people who fill it in."""

    app: App
    store_id: int
    form_id: int
    admin_id: int

    def change(self, **values: Any) -> None:
        with self.app.db.write() as session:
            row = session.get_one(Form, self.form_id)
            kept = session.get_one(FormVersion, row.version_id).definition
            definition = FormDefinition.model_validate({**kept, **values})
            forms.save(self.app, session, row, row.name, definition, NOW, self.admin_id)

    def sign_up(
        self, email: str = "ada@example.com", now: datetime = NOW, limits: Limits = LIMITS, **values: Any
    ) -> None:
        with self.app.db.write() as session:
            version = session.get_one(Form, self.form_id).version_id
            assert version is not None
            given: dict[str, Any] = {"topics": ("marketing",), "ip": "192.0.2.1", "agent": "Firefox", **values}
            submitting.submit(self.app, session, self.form_id, version, Entry(email=email, **given), now, limits)

    def confirm(self, number: int = -1, now: datetime = NOW) -> confirming.Question | None:
        with self.app.db.write() as session:
            public_id = session.scalars(select(Message.public_id).order_by(Message.id)).all()[number]
            return confirming.confirm(self.app, session, public_id, now, ip="192.0.2.9", agent="Safari")

    def rows(self, model: type[Any]) -> list[Any]:
        with self.app.db.read() as session:
            found = list(session.scalars(select(model).order_by(*model.__table__.primary_key)))
            session.expunge_all()
        return found

    def standing(self) -> dict[str, str]:
        with self.app.db.read() as session:
            return dict(session.execute(select(ConsentState.topic, ConsentState.status)).all())

    def ledger(self) -> list[tuple[str, str, str, str]]:
        return [(c.topic, c.status, c.ip, c.detail) for c in self.rows(Consent)]

    def customer(self) -> Customer:
        [found] = self.rows(Customer)
        assert isinstance(found, Customer)
        return found

    def sign_ups(self) -> list[SignUp]:
        return self.rows(SignUp)


def a_form(app: App, session: Session, store: Store, admin_id: int) -> Form:
    row = forms.create(app, session, store, "In the footer", "en", NOW, admin_id)
    forms.set_state(session, row, "live", NOW, admin_id)
    return row


@pytest.fixture
def desk(app: App) -> Desk:
    with app.db.write() as session:
        store = make.store(session)
        make.edited_template(session, store, MAIL)
        admin = admins.create_admin(session, "owner@example.com", NOW)
        form = a_form(app, session, store, admin.id)
        return Desk(app, store.id, form.id, admin.id)
