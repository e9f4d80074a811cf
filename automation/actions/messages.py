"""What a person may do with one mail: hold it back for good, or send it (again) by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from automation import audit
from automation.delivery.results import POSSIBLE_DUPLICATE
from automation.errors import NotAllowed
from automation.models import SENT, Campaign, Message, Rendering, Template, TemplateVersion
from automation.security import random_id

LIFE = timedelta(hours=48)
"""How long a mail that is sent by hand may wait for its turn."""
_WAITING = ("draft", "ready", "retry")
_ENDED = ("finished", "archived")
_KEPT = (
    "store_id",
    "customer_id",
    "campaign_id",
    "version_id",
    "enrolment_id",
    "step_id",
    "template_version_id",
    "mail_class",
    "rank",
    "priority",
    "topic",
    "subject_id",
    "is_test",
)
"""What a mail that is sent once more has in common with the first."""


def find(session: Session, public_id: str) -> Message:
    """A message by its public id, locked. Raises NotAllowed when there is none."""
    row = session.scalars(select(Message).where(Message.public_id == public_id).with_for_update()).first()
    if row is None:
        raise NotAllowed("There is no such mail.")
    return row


def park(session: Session, message: Message, now: datetime, admin_id: int | None = None) -> None:
    """Take a mail off the belt until somebody sends it by hand. Raises NotAllowed when it may have left."""
    if message.state not in (*_WAITING, "claimed"):
        raise NotAllowed(f"Only a mail that waits to be sent can be parked; this one is {message.state}.")
    message.state, message.reason, message.reason_detail = "parked", "by_hand", ""
    _free(message)
    audit.note(session, admin_id, "message.parked", message.public_id, now)


def resend(
    session: Session, message: Message, now: datetime, admin_id: int | None = None, *, is_deliberate: bool = False
) -> Message:
    """Send a mail by hand; answers the message that will leave.

    What never left goes before the arbiter anew, with its template's newest version: all rules still hold. What
    arrived, or may have, goes a second time only when that is deliberate: one whose fate is unknown as it was, byte
    for byte; one that a provider took as a new message, made of today's facts. Suppression and consent hold always.
    Raises NotAllowed, and says why, for a mail that is on its way, one whose address failed, and a campaign that has
    ended.
    """
    _check(session, message, is_deliberate=is_deliberate)
    if message.state in SENT:
        sent = _copy(session, message, now)
    elif message.state == "unknown":
        sent = message
        message.state, message.reason = "ready", POSSIBLE_DUPLICATE
    else:
        sent = message
        _anew(session, message)
        message.state, message.reason = "draft", "resent"
    sent.reason_detail, sent.due_at, sent.expires_at, sent.kills = "", now, now + LIFE, 0
    _free(sent)
    session.flush()
    audit.note(
        session, admin_id, "message.resent", message.public_id, now, deliberate=is_deliberate, as_=sent.public_id
    )
    return sent


def _check(session: Session, message: Message, *, is_deliberate: bool) -> None:
    if message.state in _WAITING:
        raise NotAllowed("It waits to be sent already.")
    if message.state in ("claimed", "submitting"):
        raise NotAllowed("It is leaving just now.")
    if message.state in ("bounced", "complained"):
        raise NotAllowed(f"It {message.state}: that address must not be mailed again.")
    if message.state in ("unknown", *SENT) and not is_deliberate:
        raise NotAllowed("The customer has this mail, or may have it. Send it a second time only deliberately.")
    campaign = session.get(Campaign, message.campaign_id) if message.campaign_id is not None else None
    if campaign is not None and campaign.state in _ENDED:
        raise NotAllowed("Its campaign has ended.")


def _free(message: Message) -> None:
    message.claimed_by, message.lease_until, message.fence = None, None, message.fence + 1


def _anew(session: Session, message: Message) -> None:
    """Forget what it was made of, and take its template as it is now: no provider ever took it."""
    session.execute(delete(Rendering).where(Rendering.message_id == message.id))
    message.attempt_id, message.attempt_count = None, 0
    message.template_version_id = _newest(session, message.template_version_id)


def _newest(session: Session, version_id: int) -> int:
    newest = session.scalar(
        select(Template.latest_version_id)
        .join(TemplateVersion, TemplateVersion.template_id == Template.id)
        .where(TemplateVersion.id == version_id)
    )
    return newest or version_id


def _copy(session: Session, message: Message, now: datetime) -> Message:
    """The same step of the same enrolment once more: its round says that it was meant."""
    last = (
        session.scalar(
            select(func.max(Message.round)).where(
                Message.enrolment_id == message.enrolment_id, Message.step_id == message.step_id
            )
        )
        or message.round
    )
    row = Message(
        **{name: getattr(message, name) for name in _KEPT},
        public_id=random_id(),
        round=last + 1,
        state="ready",
        reason="resent",
        due_at=now,
        created_at=now,
        decided_at=now,
        fence=0,
    )
    session.add(row)
    return row
