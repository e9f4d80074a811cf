"""Sign-up forms: made, changed (each change is a version of its own), opened and put away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import audit
from automation.actions import templates
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Form, FormVersion, Offer, Store
from automation.security import random_id
from automation.signup.definition import FormDefinition, fresh
from automation.signup.submitting import MAIL


def create(app: App, session: Session, store: Store, name: str, language: str, now: datetime, admin_id: int) -> Form:
    """A draft with the words of a language. Raises NotAllowed without a name."""
    if not name.strip():
        raise NotAllowed("A form needs a name; only you see it.")
    row = Form(public_id=random_id(), store_id=store.id, name=name.strip()[:200], created_at=now, updated_at=now)
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "form.made", row.public_id, now)
    save(app, session, row, row.name, fresh(language), now, admin_id)
    return row


def save(
    app: App, session: Session, row: Form, name: str, definition: FormDefinition, now: datetime, admin_id: int
) -> FormVersion:
    """Make this the form's newest version; the one it has, when nothing was changed.

    Raises NotAllowed for an offer that does not exist.
    """
    if definition.offer and not session.scalar(
        select(Offer.id).where(Offer.store_id == row.store_id, Offer.name == definition.offer)
    ):
        raise NotAllowed(f"There is no offer called “{definition.offer}”.")
    if name.strip():
        row.name = name.strip()[:200]
    kept = definition.model_dump(mode="json")
    latest = session.get(FormVersion, row.version_id) if row.version_id else None
    if latest is not None and latest.definition == kept:
        return latest
    templates.install(app, session, session.get_one(Store, row.store_id), now, only=[MAIL])
    number = session.scalar(
        select(func.coalesce(func.max(FormVersion.number), 0) + 1).where(FormVersion.form_id == row.id)
    )
    version = FormVersion(form_id=row.id, number=number, definition=kept, created_at=now, created_by=admin_id)
    session.add(version)
    session.flush()
    row.version_id, row.updated_at = version.id, now
    audit.note(session, admin_id, "form.changed", row.public_id, now, version=version.number)
    return version


def set_state(session: Session, row: Form, state: str, now: datetime, admin_id: int) -> None:
    """Open a form, close it, or put it away. Raises NotAllowed where the store cannot mail yet, and for other words."""
    store = session.get_one(Store, row.store_id)
    if state not in ("draft", "live", "archived"):
        raise NotAllowed("A form is a draft, live or archived.")
    if state == "live" and not store.sender_email:
        raise NotAllowed("Set the sender's address first (Settings): a mail asks everybody who signs up.")
    if state == "live" and not store.postal_address:
        raise NotAllowed("Set the postal address first (Settings): the law wants it in every mail.")
    row.state, row.updated_at = state, now
    audit.note(session, admin_id, f"form.{state}", row.public_id, now)
