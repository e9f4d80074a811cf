"""SendGrid (Twilio): one mail per request over its HTTP API v3, and its signed event webhook.

One body serves all recipients of a SendGrid request, so every mail has its own. There is no idempotency key and no
free look-up: a request without an answer is resolved by its events, which bring our message id along. Subscription
tracking, which would add SendGrid's own List-Unsubscribe, is switched off in every mail, as is other tracking.

The webhook sends many events in one body. Its signature covers the body and a timestamp.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, SecretStr, field_validator

from automation import bounces, one_by_one
from automation.changes import Change, MailEvent
from automation.errors import BadSignature, Later, Misconfigured, SendError, Unreadable, Unsure
from automation.http_answers import LONGEST_WAIT, Answer, answered_at, ask, looked_up, verdict
from automation.mail_events import epoch, event_id, our_id, told, words
from automation.mail_flaws import send_sound
from automation.provider import (
    Accepted,
    DomainRecords,
    Envelope,
    Mail,
    Outcome,
    Provider,
    ProviderSettings,
    Request,
    read_json,
)
from automation.source import ServiceUrl, Token

EVENTS: dict[str, str] = {
    "processed": "accepted",
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "hard_bounce",
    "dropped": "rejected",
    "spamreport": "complaint",
    "open": "open",
    "click": "click",
    "unsubscribe": "unsubscribe",
    "group_unsubscribe": "unsubscribe",
    "group_resubscribe": "resubscribe",
}
"""Event → our word; `bounce` is softened by BOUNCES."""
BOUNCES: dict[str, Literal["hard_bounce", "soft_bounce"]] = {
    "": "hard_bounce",
    "bounce": "hard_bounce",
    "blocked": "soft_bounce",
    "expired": "soft_bounce",
}
"""Type of a bounce → our word."""
POLICY = frozenset({"Content", "Reputation", "Frequency or Volume Too High"})
"""Bounce classifications that are about the sender or the mail, not about the address."""
SUPPRESSED = frozenset({"Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Invalid"})
"""Reasons of a drop that hold for all further mails to the address; other drops are about the mail."""
MIXED = "several"
"""Topic of a body whose events are not all of one kind."""
OLDEST, NEWEST = timedelta(hours=25), timedelta(minutes=5)
"""How far a signature's time may be behind and ahead of ours: SendGrid repeats a body for a day, and does not say
whether it signs it anew. Repeated events are dropped by their ids."""
_INTERNAL = re.compile(r"\.(?:filter|recvd).*", re.DOTALL)
"""What an event appends to the message id that the answer gave."""


class SendGrid(Provider):
    """Sends through SendGrid. It needs an API key with Mail Send access and a verified sender or domain.

    In SendGrid, open Settings → API Keys and make a key that may send mail. Then open Settings → Mail Settings →
    Event Webhooks, add the address shown here, tick all deliverability events, spam reports and unsubscribes,
    enable the signature and copy its verification key back to this page.

    Cartwheel switches off SendGrid's own open, click and subscription tracking in every mail, so that your links
    and the unsubscribe header stay as they are. SendGrid does not take several different mails in one request:
    they leave one by one, eight at a time.
    """

    label = "SendGrid"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "C"
    records = DomainRecords(selectors=("s1", "s2"), where="Settings, Sender Authentication")
    batch_size = one_by_one.BATCH
    topics = frozenset({*EVENTS, MIXED})
    topic_field = "event"

    class Settings(ProviderSettings):
        """One SendGrid account or subuser, and the key that its webhook is verified with."""

        api_key: Token = Field(min_length=1, description="API key with Mail Send access (SG.…).")
        verification_key: Token = Field(
            SecretStr(""), description="The event webhook's verification key; until it is here, events are refused."
        )
        base_url: ServiceUrl = Field(
            "https://api.sendgrid.com",
            description="Address of the API; https://api.eu.sendgrid.com for subusers in the EU.",
        )

        @field_validator("verification_key")
        @classmethod
        def _is_key(cls, value: SecretStr) -> SecretStr:
            if value.get_secret_value() and _public_key(value.get_secret_value()) is None:
                raise ValueError("a verification key is a P-256 public key in base64; was it copied whole?")
            return value

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  SendGrid knows no key
        return send_sound(mails, lambda sound: one_by_one.one_by_one(sound, self._submit))

    def _submit(self, mail: Mail) -> Outcome:
        answer = self._ask("POST", "/v3/mail/send", content=orjson.dumps(_written(mail)))
        if answer.status == 202:
            return Accepted(answer.headers.get("x-message-id", ""))
        raise _failed(answer)

    def check(self) -> str:
        said = looked_up(self._ask("GET", "/v3/scopes"))
        scopes = said.get("scopes") if isinstance(said, dict) else None
        if not isinstance(scopes, list) or "mail.send" not in scopes:
            raise Misconfigured("SendGrid knows this key, but it may not send mail: give it Mail Send access.")
        if not self.settings.verification_key.get_secret_value():
            return (
                "SendGrid knows this key, and it may send. Its events are refused until the verification key is here."
            )
        return "SendGrid knows this key, and it may send."

    def _ask(self, method: str, path: str, *, content: bytes | None = None) -> Answer:
        return ask(
            self.http,
            method,
            self.settings.base_url.rstrip("/") + path,
            headers={
                "Authorization": f"Bearer {self.settings.api_key.get_secret_value()}",
                "Accept": "application/json",
                **({"Content-Type": "application/json"} if content else {}),
            },
            content=content,
        )

    def topic_in(self, body: Any) -> str:
        kinds = {event["event"][:128] for event in _events(body)}
        return kinds.pop() if len(kinds) == 1 else MIXED

    def open(self, request: Request, now: datetime) -> Envelope:
        _verify(request, self.settings.verification_key.get_secret_value(), now)
        topic = self.topic_in(read_json(request.body))
        return Envelope(hashlib.sha256(request.body).hexdigest(), topic, request.body, now)

    def translate(self, envelope: Envelope) -> list[Change]:
        found: list[Change] = []
        for n, said in enumerate(_events(read_json(envelope.body)), 1):
            try:
                found += _told(said, envelope)
            except Unreadable as error:
                raise Unreadable(f"Event {n}: {error}") from error
        return found


def _written(mail: Mail) -> dict[str, Any]:
    bodies = (("text/plain", mail.text), ("text/html", mail.html))
    return {
        "personalizations": [
            {
                "to": [_person(mail.to_name, mail.to_email)],
                "custom_args": {"message_id": mail.message_id},
                **({"headers": dict(mail.headers)} if mail.headers else {}),
            }
        ],
        "from": _person(mail.from_name, mail.from_email),
        **({"reply_to": {"email": mail.reply_to}} if mail.reply_to else {}),
        "subject": mail.subject,
        "content": [{"type": kind, "value": body} for kind, body in bodies if body],
        **({"categories": [mail.campaign]} if mail.campaign else {}),
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


def _person(name: str, email: str) -> dict[str, str]:
    # SendGrid refuses names with a comma or semicolon in them.
    name = " ".join(re.sub("[,;]", " ", name).split())
    return {"email": email, **({"name": name} if name else {})}


def _failed(answer: Answer) -> SendError:
    errors = answer.error().get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    field, said = words(first.get("field")), words(first.get("message"))
    failed = verdict(answer, f"{field}: {said}" if field else said)
    if failed is None:
        return Unsure(f"SendGrid answered {answer.status}; only 202 says that it took the mail.")
    if isinstance(failed, Later) and failed.after is None and answer.status == 429:
        return Later(str(failed), after=_reset(answer), code=failed.code)
    if answer.status == 400 and field.partition(".")[0] in {"from", "reply_to"}:
        return Misconfigured(str(failed), code=failed.code)
    return failed


def _reset(answer: Answer) -> timedelta | None:
    """When the limit is lifted, by SendGrid's own clock."""
    stamp, now = answer.headers.get("x-ratelimit-reset", ""), answered_at(answer)
    if now is None or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 10:
        return None
    return min(max(datetime.fromtimestamp(int(stamp), UTC) - now, timedelta()), LONGEST_WAIT)


def _events(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list) or not body:
        raise Unreadable("SendGrid's webhook should be a list of events.")
    for n, event in enumerate(body, 1):
        if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not event["event"]:
            raise Unreadable(f"Event {n}: `event` is missing; SendGrid says there what happened.")
    return body


def _told(said: dict[str, Any], envelope: Envelope) -> list[MailEvent]:
    """One event in our words; nothing for a kind that means nothing to us."""
    event = EVENTS.get(said["event"], "")
    if not event:
        return []
    reason, is_policy = _reason(said), False
    if event == "hard_bounce":
        called = BOUNCES.get(words(said.get("type")).lower(), "soft_bounce")
        is_policy = words(said.get("bounce_classification")) in POLICY
        found = bounces.read(called, reason, is_policy=is_policy)
        event, is_policy = found.event, found.is_policy
    when = said.get("timestamp")
    return [
        told(
            event=event,
            message_id=our_id(said.get("message_id")),
            provider_id=_provider_id(said),
            email=words(said.get("email")) or None,
            at=envelope.triggered_at if when is None and envelope.triggered_at else epoch(when, "timestamp"),
            external_id=event_id(said.get("sg_event_id"), said),
            reason=reason,
            is_policy=is_policy,
            is_suppressed=event == "rejected" and words(said.get("reason")) in SUPPRESSED,
            url=words(said.get("url")),
            agent=words(said.get("useragent")),
            ip=words(said.get("ip")),
            is_machine=said.get("sg_machine_open") is True,
        )
    ]


def _reason(said: dict[str, Any]) -> str:
    names = ("bounce_classification", "reason", "response", "status") if said["event"] != "delivered" else ("response",)
    return ": ".join(t for t in (words(said.get(n)).strip() for n in names) if t)


def _provider_id(said: dict[str, Any]) -> str | None:
    """The id that the answer to our request gave."""
    given = words(said.get("sg_message_id"))
    found = _INTERNAL.sub("", given)
    if not found or given.startswith("filter"):
        found = words(said.get("smtp-id")).strip("<>").partition("@")[0]
    return found[:200] or None


def _public_key(text: str) -> ec.EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    is_ours = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    return key if is_ours and isinstance(key, ec.EllipticCurvePublicKey) else None


def _verify(request: Request, verification_key: str, now: datetime) -> None:
    """Raises BadSignature unless SendGrid signed the timestamp and the body: ECDSA over P-256 with SHA-256."""
    key = _public_key(verification_key)
    if key is None:
        raise BadSignature("This connection has no verification key yet.")
    stamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()):
        raise BadSignature
    age = now.timestamp() - int(stamp[:15])
    if not -NEWEST.total_seconds() <= age <= OLDEST.total_seconds():
        raise BadSignature("The request was signed at another time; is this machine's clock right?")
    try:
        signature = base64.b64decode(request.headers.get("x-twilio-email-event-webhook-signature", ""), validate=True)
        key.verify(signature, stamp.encode() + request.body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSignature from error
