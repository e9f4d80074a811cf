"""What should be known before a campaign is published: what forbids it, and what would surprise afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import Definition, walk
from automation.freezing import flaws
from automation.models import Connection, Offer, OfferCode, Store


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
    return [*found, *_codes(session, store_id, definition)]


def _codes(session: Session, store_id: int, definition: Definition) -> list[Finding]:
    """Steps whose offer has no code to give at the moment; one statement, and none without such steps."""
    steps = [node for node in walk(definition.flow) if node.kind == "offer"]
    if not steps:
        return []
    has_free = exists().where(OfferCode.offer_id == Offer.id, OfferCode.state == "free")
    empty = set(
        session.scalars(
            select(Offer.name).where(
                Offer.store_id == store_id,
                Offer.name.in_({node.settings.get("offer", "") for node in steps}),
                Offer.supply != "shared",
                ~has_free,
            )
        )
    )
    found = []
    for node in steps:
        name = node.settings.get("offer", "")
        if name in empty:
            then = "the flow ends" if node.settings.get("without") == "exit" else "the flow goes on without one"
            found.append(Finding(node.id, f"the offer “{name}” has no free code: {then} for everybody", False))
    return found
