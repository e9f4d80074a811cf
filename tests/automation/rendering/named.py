"""Messages whose template uses one name, and what the name holds for each of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Customer, Message, Store, TemplateVersion
from automation.rendering.context import load
from tests import make
from tests.conftest import NOW


def message(session: Session, customer: Customer, *names: str, **origin: Any) -> Message:
    """A message of a mail that uses `names`; `origin` is what `make.about` answers."""
    store = session.get_one(Store, customer.store_id)
    title = "_".join(names)[:60]
    version = session.scalars(select(TemplateVersion).where(TemplateVersion.subject == title)).one_or_none()
    if version is None:
        version = make.template(session, store, title)
        version.subject, version.names = title, list(names)
        session.flush()
    return make.message(session, customer, template_version_id=version.id, **origin)


def value(app: App, message: Message, name: str) -> Any:
    """What the name holds in a message."""
    with app.db.read() as session:
        return load(app, session, [message], NOW)[message.id]["values"][name]
