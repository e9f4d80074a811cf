"""Resend: batches under an idempotency key over its HTTP API, and its signed webhooks.

The key makes a batch without an answer harmless: sent again within a day, the first answer comes back. Two
answers to a repeated key need care:

- 409 concurrent_idempotent_requests: the first request is still being worked on, so it arrived. Nobody knows yet
  how it ends, and the mails must not travel under another key: Unsure, not Later.
- 409 invalid_idempotent_request: the key was used with another body. A key belongs to one list of messages, whose
  order never changes, and Resend remembers a key only together with the answer that it gave. So the same messages
  were accepted before, in another rendering: every mail of the batch counts as accepted, its id is not known.
  It must never be sent under a new key. Should the first request have refused one of them, the mail is shown as
  accepted and never delivered; the events, which carry our message id, bring the others' ids.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr, field_validator

from automation import bounces
from automation.addresses import written
from automation.changes import Change
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.http_answers import LONGEST_WAIT, Answer, ask, looked_up, verdict
from automation.mail_events import instant, our_id, part, told, words
from automation.mail_flaws import send_sound
from automation.provider import (
    Accepted,
    DomainRecords,
    Envelope,
    Mail,
    Outcome,
    Provider,
    ProviderSettings,
    Rate,
    Request,
    read_json,
)
from automation.security import same
from automation.source import ServiceUrl, Token

ERRORS: dict[str, type[SendError]] = {
    "missing_api_key": Misconfigured,
    "invalid_api_key": Misconfigured,
    "restricted_api_key": Misconfigured,
    "invalid_from_address": Misconfigured,
    "invalid_access": Misconfigured,
    "invalid_region": Misconfigured,
    "not_found": Misconfigured,
    "method_not_allowed": Misconfigured,
    "monthly_quota_exceeded": Misconfigured,  # only a person or the next month helps
    "daily_quota_exceeded": Later,
    "rate_limit_exceeded": Later,
    "concurrent_idempotent_requests": Unsure,
    "invalid_idempotency_key": Refused,
    "missing_required_field": Refused,
    "security_error": Refused,
}
"""Error name → what to do next. Names that are missing here go by the answer's status."""
REUSED_KEY = "invalid_idempotent_request"
EVENTS: dict[str, str] = {
    "email.sent": "accepted",
    "email.delivered": "delivered",
    "email.delivery_delayed": "deferred",
    "email.bounced": "hard_bounce",
    "email.failed": "rejected",
    "email.suppressed": "rejected",
    "email.complained": "complaint",
    "email.opened": "open",
    "email.clicked": "click",
    "contact.updated": "unsubscribe",
}
"""Event type → our word; `email.bounced` is softened by BOUNCES, `contact.updated` counts only if it unsubscribes."""
BOUNCES: dict[str, Literal["hard_bounce", "soft_bounce"]] = {
    "Permanent": "hard_bounce",
    "Transient": "soft_bounce",
    "Undetermined": "soft_bounce",
    "MailboxFull": "soft_bounce",
    "MessageTooLarge": "soft_bounce",
    "ContentRejected": "soft_bounce",
    "AttachmentRejected": "soft_bounce",
}
"""Bounce type or subtype → our word, the subtype first."""
SUPPRESSED = frozenset({"Suppressed", "OnAccountSuppressionList"})
"""Bounce subtypes of a mail that never left, because of what happened to earlier ones."""
POLICY = frozenset({"ContentRejected", "AttachmentRejected"})
TOLERANCE = timedelta(minutes=5)


class Resend(Provider):
    """Sends through Resend. It needs an API key and a verified domain.

    In Resend, open API Keys and make one with sending access. Then add a webhook with the address shown here, tick
    all events that begin with email. and copy its signing secret back to this page. Leave the domain's own open
    and click tracking off.
    """

    label = "Resend"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "A"
    records = DomainRecords(selectors=("resend",), bounce="send", spf_include="amazonses.com", where="Domains")
    batch_size = 100
    rate = Rate(5, 5, "requests")
    topics = frozenset(EVENTS)
    topic_field = "type"

    class Settings(ProviderSettings):
        """One Resend team, and the secret that its webhook signs with."""

        api_key: Token = Field(min_length=1, description="API key; sending access is enough.")
        webhook_secret: Token = Field(
            SecretStr(""), description="The webhook's signing secret (whsec_…); until it is here, events are refused."
        )
        base_url: ServiceUrl = Field(
            "https://api.resend.com", description="Address of the API.", json_schema_extra={"advanced": True}
        )

        @field_validator("webhook_secret")
        @classmethod
        def _is_secret(cls, value: SecretStr) -> SecretStr:
            if value.get_secret_value() and not _signing_key(value.get_secret_value()):
                raise ValueError("a signing secret begins with whsec_ and goes on in base64; was it copied whole?")
            return value

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        return send_sound(mails, lambda sound: self._submit(sound, key))

    def _submit(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        answer = self._ask(
            "POST",
            "/emails/batch",
            content=orjson.dumps([_written(m) for m in mails]),
            headers={"Idempotency-Key": key, "x-batch-validation": "permissive"},
        )
        if answer.status == 409 and words(answer.error().get("name")) == REUSED_KEY:
            return [Accepted("") for _ in mails]
        if not answer.is_success:
            raise _failed(answer)
        return _outcomes(answer.json(), len(mails))

    def check(self) -> str:
        answer = self._ask("GET", "/domains")
        if answer.status == 401 and words(answer.error().get("name")) == "restricted_api_key":
            return "Resend knows this key; it may send and nothing else."
        said = looked_up(answer)
        domains = said.get("data") if isinstance(said, dict) else None
        verified = [
            words(d.get("name")) for d in domains or [] if isinstance(d, dict) and d.get("status") == "verified"
        ]
        if not verified:
            raise Misconfigured("Resend knows this key, but no domain is verified there; nothing can be sent yet.")
        return f"Resend knows this key. Verified: {', '.join(verified)}."

    def _ask(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return ask(
            self.http,
            method,
            self.settings.base_url.rstrip("/") + path,
            headers={
                "Authorization": f"Bearer {self.settings.api_key.get_secret_value()}",
                "User-Agent": "Cartwheel",  # without one Resend answers 403
                "Accept": "application/json",
                **({"Content-Type": "application/json"} if content else {}),
                **(headers or {}),
            },
            content=content,
        )

    def open(self, request: Request, now: datetime) -> Envelope:
        delivery = _verified(request, _signing_key(self.settings.webhook_secret.get_secret_value()), now)
        said = read_json(request.body)
        topic = self.topic_in(said)
        triggered_at = instant(said["created_at"], "created_at") if said.get("created_at") else now
        if len(delivery) > 128:
            delivery = hashlib.sha256(delivery.encode()).hexdigest()
        return Envelope(delivery, topic, request.body, triggered_at)

    def translate(self, envelope: Envelope) -> list[Change]:
        said = read_json(envelope.body)
        if not isinstance(said, dict):
            raise Unreadable("The body should be an object.")
        event = EVENTS.get(envelope.topic)
        if event is None:
            return []
        data = part(said, "data")
        if envelope.topic == "contact.updated" and data.get("unsubscribed") is not True:
            return []
        event, reason, is_policy, is_suppressed = _what(event, envelope.topic, data)
        click = part(data, "click")
        return [
            told(
                event=event,
                message_id=our_id(_tags(data).get("message_id")),
                provider_id=words(data.get("email_id")) or None,
                email=_recipient(data),
                at=instant(click.get("timestamp") or said.get("created_at"), "created_at"),
                external_id=envelope.delivery_id,
                reason=reason,
                is_policy=is_policy,
                is_suppressed=is_suppressed,
                url=words(click.get("link")),
                agent=words(click.get("userAgent")),
                ip=words(click.get("ipAddress")),
            )
        ]


def _written(mail: Mail) -> dict[str, Any]:
    tags = {"message_id": mail.message_id, **({"campaign": mail.campaign} if mail.campaign else {})}
    return {
        "from": written(mail.from_name, mail.from_email),
        "to": [written(mail.to_name, mail.to_email)],
        **({"reply_to": mail.reply_to} if mail.reply_to else {}),
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "headers": dict(mail.headers),
        "tags": [{"name": name, "value": value} for name, value in tags.items()],
    }


def _outcomes(said: Any, count: int) -> list[Outcome]:
    """Refusals stand beside their index, ids in order for the rest. Raises Unsure when the two do not add up."""
    data, errors = (said.get("data"), said.get("errors") or []) if isinstance(said, dict) else (None, None)
    if not isinstance(data, list) or not isinstance(errors, list):
        raise Unsure("Resend answered a batch without a list of results.")
    refused: dict[int, Outcome] = {}
    for error in errors:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            raise Unsure("Resend refused a mail of the batch without saying which.")
        refused[index] = Refused(words(error.get("message"))[:500] or "Refused without a reason.", code="validation")
    if len(data) + len(refused) != count:
        raise Unsure(f"Resend answered a batch of {count} with {len(data)} ids and {len(refused)} refusals.")
    ids = iter(data)
    return [refused.get(n) or Accepted(_id(next(ids))) for n in range(count)]


def _id(item: Any) -> str:
    return words(item.get("id")) if isinstance(item, dict) else ""


def _failed(answer: Answer) -> SendError:
    said = answer.error()
    name, message = words(said.get("name")), words(said.get("message"))
    by_status = verdict(answer, f"{name}: {message}" if name else message, name)
    assert by_status is not None
    kind = ERRORS.get(name)
    # A name counts only beside the status of a refusal: what a 5xx says of itself proves nothing.
    if kind is None or not 400 <= answer.status < 500:
        return by_status
    if kind is Later:
        quota = LONGEST_WAIT if name == "daily_quota_exceeded" else None
        return Later(str(by_status), after=quota or getattr(by_status, "after", None), code=name)
    return kind(str(by_status), code=name)


def _what(event: str, topic: str, data: dict[str, Any]) -> tuple[str, str, bool, bool]:
    """Our word, the reason, whether it is about the sender, whether Resend no longer mails the address."""
    if topic == "email.suppressed":
        said = part(data, "suppressed")
        return event, _reason(said, "reason"), False, True
    if topic == "email.failed":
        return event, _reason(part(data, "failed"), "reason"), False, False
    if topic != "email.bounced":
        return event, "", False, False
    said = part(data, "bounce")
    kind, subtype = words(said.get("type")), words(said.get("subType"))
    reason = _reason(said, "subType")
    if subtype in SUPPRESSED:
        return "rejected", reason, False, True
    # Older webhooks name no type: they were sent for permanent bounces only. A type that is new to us is unclear.
    called = BOUNCES.get(subtype) or BOUNCES.get(kind) or ("soft_bounce" if kind else "hard_bounce")
    found = bounces.read(called, reason, is_policy=subtype in POLICY)
    return found.event, reason, found.is_policy, False


def _reason(said: dict[str, Any], name: str) -> str:
    return ": ".join(t for t in (words(said.get(n)) for n in (name, "diagnosticCode", "message")) if t)


def _tags(data: dict[str, Any]) -> dict[str, Any]:
    tags = data.get("tags")
    if isinstance(tags, list):
        return {t["name"]: t.get("value") for t in tags if isinstance(t, dict) and isinstance(t.get("name"), str)}
    return tags if isinstance(tags, dict) else {}


def _recipient(data: dict[str, Any]) -> str | None:
    to = data.get("to")
    found = words(to[0]) if isinstance(to, list) and to else words(data.get("email"))
    return found.rpartition("<")[2].rstrip("> ") or None


def _signing_key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _verified(request: Request, key: bytes, now: datetime) -> str:
    """The delivery's id, once the signature holds. Headers are Svix's or those of Standard Webhooks."""
    prefix = "svix" if "svix-id" in request.headers else "webhook"
    delivery, stamp, signatures = (request.headers.get(f"{prefix}-{n}", "") for n in ("id", "timestamp", "signature"))
    if not key:
        raise BadSignature("This connection has no signing secret yet.")
    if not delivery or not (stamp.isascii() and stamp.isdigit()):
        raise BadSignature
    if abs(now.timestamp() - int(stamp[:15])) > TOLERANCE.total_seconds():
        raise BadSignature("The request was signed more than five minutes from now; is this machine's clock right?")
    message = f"{delivery}.{stamp}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(key, message, "sha256"))
    given = [s.partition(",") for s in signatures.split(" ")]
    # Every candidate is compared, so that the time does not tell which one matched.
    if not sum(same(value.encode(), expected) for version, _, value in given if version == "v1"):
        raise BadSignature
    return delivery
