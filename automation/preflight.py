"""What should be known before a campaign is published: what forbids it, and what would surprise afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import Definition
from automation.freezing import flaws
from automation.models import Connection, Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know."""

    step_id: str
    """The step it is about; "" for the campaign as a whole."""
    words: str
    forbids: bool
    """True where it cannot be published like this."""


def findings(app: App, session: Session, store_id: int, definition: Definition, now: datetime) -> list[Finding]:
    """What stands in the way of publishing a draft, and what to know first; a handful of statements."""
    rows = session.execute(
        select(Store, Connection.kind)
        .outerjoin(
            Connection,
            (Connection.store_id == Store.id) & (Connection.role == "provider") & Connection.is_default.is_(True),
        )
        .where(Store.id == store_id)
    ).all()
    store, kinds = rows[0][0], [kind for _, kind in rows if kind is not None]
    found = [Finding(step_id, words, True) for step_id, words in flaws(app, session, store, definition, now)]
    if not kinds:
        found.append(Finding("", "no mail provider is connected: mails wait until there is one", False))
    elif "mailbox" in kinds:
        found.append(Finding("", "test mode: mails are kept in the mailbox here, and nobody gets them", False))
    if definition.mail_class == "transactional":
        words = "transactional mails need no consent and have no way to unsubscribe; they may not advertise anything"
        found.append(Finding("", words, False))
    return found
