"""What mail systems write back: delivery reports (RFC 3464) and complaints (RFC 5965), as the mails they come in.

Anybody can send a mail to a bounce address. A report counts only if it names one of our message ids, which nobody
but the recipient and the servers on the way has seen: in the envelope id that it gives back, or in the headers of
the mail that it encloses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from email.utils import parsedate_to_datetime

from automation.bounces import verdict_of
from automation.changes import MailEvent
from automation.errors import Unreadable
from automation.mail_events import our_id, told

ACTIONS: dict[str, str] = {
    "failed": "soft_bounce",
    "delayed": "deferred",
    "delivered": "delivered",
}
"""Action → our word; a failure is hard if its status says so. `relayed` and `expanded` promise nothing."""
COMPLAINTS = frozenset({"abuse", "fraud", "other"})
"""Feedback-Type that is a complaint."""
DELIVERY = "delivery-status"
FEEDBACK = "feedback-report"
MAIL = "mail"
"""The topic of a mail that is no report: an automatic answer, or a person's."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"<([A-Za-z0-9_-]{1,64})@[^<>\s]+>")
_TELLING = ("from", "date", "received", "content-type")


def parsed(body: bytes) -> Message:
    """A posted mail. Raises Unreadable when it is none."""
    found = message_from_bytes(body, policy=policy.compat32)
    if not any(name in found for name in _TELLING):
        raise Unreadable("The body is not a mail: it begins with none of a mail's headers.")
    return found


def topic(mail: Message) -> str:
    """Which kind of report it is."""
    if mail.get_content_type() != "multipart/report":
        return MAIL
    kind = mail.get_param("report-type")
    return kind.lower()[:64] if isinstance(kind, str) and kind.isprintable() and kind else MAIL


def dated(text: object) -> datetime | None:
    """A Date header's instant; None for nothing or nonsense."""
    try:
        found = parsedate_to_datetime(str(text))
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def deliveries(mail: Message, at: datetime) -> Iterator[MailEvent]:
    """What a delivery report tells of our mail; `at` where it names no time. Raises Unreadable without its part."""
    part = _part(mail, "message/delivery-status")
    about, *recipients = _blocks(part)
    message_id = our_id(_text(about, "original-envelope-id")) or _enclosed(mail)
    if message_id is None:
        return
    if not recipients:
        raise Unreadable("message/delivery-status names no recipient.")
    for said in recipients:
        action, status = _text(said, "action").lower(), _text(said, "status")
        diagnostic = _text(said, "diagnostic-code")
        event = ACTIONS.get(action)
        if event is None:
            continue
        verdict = verdict_of(status) or verdict_of(diagnostic)
        if action == "failed" and verdict == "hard":
            event = "hard_bounce"
        email = (_text(said, "original-recipient") or _text(said, "final-recipient")).rpartition(";")[2].strip()
        identity = f"{message_id}:{action}:{status}:{email}:{_text(said, 'last-attempt-date')}"
        yield told(
            event=event,
            message_id=message_id,
            email=email if "@" in email else None,
            at=dated(_text(said, "last-attempt-date")) or at,
            external_id=hashlib.sha256(identity.encode()).hexdigest(),
            reason=": ".join(t for t in (status, diagnostic) if t),
            is_policy=action == "failed" and verdict == "policy",
        )


def complaints(mail: Message, at: datetime) -> Iterator[MailEvent]:
    """What a feedback report tells of our mail. Raises Unreadable without its part."""
    fields = _blocks(_part(mail, "message/feedback-report"))[0]
    kind, message_id = _text(fields, "feedback-type").lower(), _enclosed(mail)
    if not kind:
        raise Unreadable("message/feedback-report has no Feedback-Type.")
    if kind not in COMPLAINTS or message_id is None:
        return
    email = _text(fields, "original-rcpt-to").strip("<> ")
    yield told(
        event="complaint",
        message_id=message_id,
        email=email if "@" in email else None,
        at=dated(_text(fields, "arrival-date")) or dated(_text(fields, "received-date")) or at,
        external_id=hashlib.sha256(f"{message_id}:{kind}".encode()).hexdigest(),
        reason=kind,
    )


def _part(mail: Message, kind: str) -> Message:
    for part in mail.walk():
        if part.get_content_type() == kind:
            return part
    raise Unreadable(f"The report has no part of type {kind}.")


def _blocks(part: Message) -> list[Message]:
    """The groups of fields that a part of a report holds, at least one."""
    held = part.get_payload()
    blocks = [b for b in held if isinstance(b, Message)] if isinstance(held, list) else []
    if not blocks:
        raise Unreadable(f"{part.get_content_type()} holds no fields.")
    return blocks


def _enclosed(mail: Message) -> str | None:
    """Our id in the mail, or the headers, that a report gives back."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            text = _text(inner[0], "message-id") if isinstance(inner, list) and inner else ""
        elif kind == "text/rfc822-headers":
            data = part.get_payload(decode=True)
            text = _text(message_from_bytes(data), "message-id") if isinstance(data, bytes) else ""
        else:
            continue
        if found := _ID.search(text):
            return found[1]
    return None


def _text(part: object, name: str) -> str:
    """A field's value in one line; empty when it is missing."""
    value = part.get(name) if isinstance(part, Message) else None
    return " ".join(str(value).split())[:1000] if value is not None else ""
