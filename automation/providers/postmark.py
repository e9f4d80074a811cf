"""Postmark: transactional and broadcast mail over its HTTP API, and its webhooks.

Mails of the classes lifecycle and promotional go through the broadcast stream, the others through the
transactional one. On a broadcast stream Postmark manages unsubscribing itself unless its support has switched
that off: it then replaces our List-Unsubscribe headers and tells us by SubscriptionChange.

Postmark knows no idempotency key: a batch without an answer is found again by the message id in its metadata.
Its webhooks carry no signature but what stands in their address: user and password.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr

from automation import bounces, hook_password
from automation.addresses import written
from automation.changes import Change
from automation.errors import Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.hook_password import HookPassword, HookUser
from automation.http_answers import Answer, ask, looked_up, verdict
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
    Request,
    read_json,
)
from automation.security import random_id
from automation.source import ServiceUrl, Token

ERRORS: dict[int, type[SendError]] = {
    10: Misconfigured,  # no such token
    100: Later,  # maintenance
    300: Refused,  # an address or a field that it does not take
    400: Misconfigured,  # no signature for the sender
    401: Misconfigured,  # the sender's signature is not confirmed
    402: Refused,  # JSON it cannot read
    403: Refused,  # JSON that does not fit
    405: Misconfigured,  # out of credits
    406: Refused,  # the recipient is on its suppression list
    410: Refused,  # more than 500 mails
    411: Refused,  # an attachment's type
    412: Misconfigured,  # the account waits for approval
    413: Misconfigured,  # the account may not send
    429: Later,  # too many requests
    1235: Misconfigured,  # no such message stream
}
"""Error code → what to do next. None of these mails was taken."""
SUPPRESSED = 406
BOUNCES: dict[str, str] = {
    "HardBounce": "hard_bounce",
    "BadEmailAddress": "hard_bounce",
    "SoftBounce": "soft_bounce",
    "VirusNotification": "soft_bounce",
    "Unknown": "soft_bounce",
    "Transient": "deferred",
    "DnsError": "deferred",
    "OpenRelayTest": "deferred",
    "SpamNotification": "complaint",
    "SpamComplaint": "complaint",
    "Unsubscribe": "unsubscribe",
    "Subscribe": "resubscribe",
    "ManuallyDeactivated": "rejected",
    "Blocked": "rejected",
    "Unconfirmed": "rejected",
    "DMARCPolicy": "rejected",
    "SMTPApiError": "rejected",
    "TemplateRenderingFailed": "rejected",
}
"""Bounce type → our word. Others (AutoResponder, AddressChange, ChallengeVerification …) mean nothing to us."""
POLICY = frozenset({"Blocked", "DMARCPolicy", "VirusNotification"})
"""Bounce types that are about the sender or the mail, not about the address."""
SUBSCRIPTIONS: dict[tuple[bool, str, str], str] = {
    (True, "ManualSuppression", "Recipient"): "unsubscribe",
    (True, "HardBounce", "Recipient"): "hard_bounce",
    (True, "SpamComplaint", "Recipient"): "complaint",
    (False, "", "Recipient"): "resubscribe",
}
"""(SuppressSending, SuppressionReason, Origin) → our word. What its own admins do concerns its list, not a mail."""
RECORDS: dict[str, tuple[str, str, str]] = {
    "Delivery": ("delivered", "DeliveredAt", "Recipient"),
    "Bounce": ("", "BouncedAt", "Email"),
    "SpamComplaint": ("complaint", "BouncedAt", "Email"),
    "Open": ("open", "ReceivedAt", "Recipient"),
    "Click": ("click", "ReceivedAt", "Recipient"),
    "SubscriptionChange": ("", "ChangedAt", "Recipient"),
}
"""RecordType → (our word, the field with the time, the field with the address)."""
TRANSACTIONAL = frozenset({"transactional", "reminder"})


class Postmark(Provider):
    """Sends through a Postmark server. It needs the server's API token and a broadcast stream.

    In Postmark, open Servers → your server → API Tokens and copy the server token. Then add a webhook to each
    message stream with the address shown here and tick Delivery, Bounce, Spam Complaint and Subscription Change.
    """

    label = "Postmark"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "B"
    records = DomainRecords(bounce="pm-bounces", bounce_target="pm.mtasv.net", where="Sender Signatures, DNS Settings")
    batch_size = 500
    topics = frozenset(RECORDS)
    topic_field = "RecordType"

    class Settings(ProviderSettings):
        """One Postmark server, two of its streams, and what its webhooks must bring along."""

        server_token: Token = Field(min_length=1, description="Server API token.")
        transactional_stream: str = Field(
            "outbound", pattern=r"^[a-z0-9-]{1,30}$", description="ID of the stream for transactional mails."
        )
        broadcast_stream: str = Field(
            "broadcast", pattern=r"^[a-z0-9-]{1,30}$", description="ID of the stream for marketing mails."
        )
        webhook_user: HookUser = Field("cartwheel", description="User name in the webhook's address.")
        webhook_password: HookPassword = Field(
            default_factory=lambda: SecretStr(random_id()),
            description="Password in the webhook's address; made up if you leave it out.",
        )
        base_url: ServiceUrl = Field(
            "https://api.postmarkapp.com", description="Address of the API.", json_schema_extra={"advanced": True}
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  Postmark knows no key
        return send_sound(mails, self._submit)

    def _submit(self, mails: Sequence[Mail]) -> list[Outcome]:
        answer = self._ask("POST", "/email/batch", content=orjson.dumps([self._written(m) for m in mails]))
        if not answer.is_success:
            raise _failed(answer)
        said = answer.json()
        if not isinstance(said, list) or len(said) != len(mails):
            raise Unsure(f"Postmark answered a batch of {len(mails)} with something else than {len(mails)} results.")
        return [_outcome(item) for item in said]

    def _written(self, mail: Mail) -> dict[str, Any]:
        settings = self.settings
        is_transactional = mail.mail_class in TRANSACTIONAL
        return {
            "From": written(mail.from_name, mail.from_email),
            "To": written(mail.to_name, mail.to_email),
            **({"ReplyTo": mail.reply_to} if mail.reply_to else {}),
            "Subject": mail.subject,
            "HtmlBody": mail.html,
            "TextBody": mail.text,
            "Headers": [{"Name": name, "Value": value} for name, value in mail.headers.items()],
            "Metadata": {"message_id": mail.message_id},
            **({"Tag": mail.campaign} if mail.campaign else {}),
            "TrackOpens": False,
            "TrackLinks": "None",
            "MessageStream": settings.transactional_stream if is_transactional else settings.broadcast_stream,
        }

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:
        found: dict[str, Accepted | None] = {}
        for message_id in message_ids:
            try:
                found[message_id] = self._found(message_id, since)
            except SendError:
                # The next ones would most likely fail alike, one time-out each.
                if not found:
                    raise
                break
        return found

    def _found(self, message_id: str, since: datetime) -> Accepted | None:
        # The search reads a date in US Eastern time; a day earlier covers every offset.
        from_date = (since - timedelta(days=1)).date().isoformat()
        for stream in dict.fromkeys((self.settings.transactional_stream, self.settings.broadcast_stream)):
            said = looked_up(
                self._ask(
                    "GET",
                    "/messages/outbound",
                    params={
                        "count": "1",
                        "offset": "0",
                        "fromdate": from_date,
                        "messagestream": stream,
                        "metadata_message_id": message_id,
                    },
                )
            )
            if not isinstance(said, dict) or not isinstance(said.get("Messages"), list):
                raise Later("Postmark's search answered without a list of messages.")
            for message in said["Messages"]:
                # A server that ignored the filter would answer with somebody else's mail.
                if isinstance(message, dict) and part(message, "Metadata").get("message_id", message_id) == message_id:
                    return Accepted(words(message.get("MessageID")))
        return None

    def check(self) -> str:
        server = looked_up(self._ask("GET", "/server"))
        for stream in dict.fromkeys((self.settings.transactional_stream, self.settings.broadcast_stream)):
            answer = self._ask("GET", f"/message-streams/{stream}")
            if answer.status == 404:
                raise Misconfigured(f"This Postmark server has no message stream called {stream}.")
            looked_up(answer)
        name = words(server.get("Name")) if isinstance(server, dict) else ""
        return f"Postmark knows this token: server {name or 'without a name'}."

    def _ask(
        self, method: str, path: str, *, content: bytes | None = None, params: dict[str, str] | None = None
    ) -> Answer:
        headers = {
            "X-Postmark-Server-Token": self.settings.server_token.get_secret_value(),
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if content else {}),
        }
        url = self.settings.base_url.rstrip("/") + path
        return ask(self.http, method, url, headers=headers, content=content, params=params)

    def hook_url(self, url: str) -> str:
        return hook_password.address(url, self.settings.webhook_user, self.settings.webhook_password)

    def open(self, request: Request, now: datetime) -> Envelope:
        settings = self.settings
        hook_password.verify(request, settings.webhook_user, settings.webhook_password, self.label)
        said = read_json(request.body)
        topic = self.topic_in(said)
        when = said.get(RECORDS[topic][1]) if topic in RECORDS else None
        triggered_at = now if when is None else instant(when, RECORDS[topic][1])
        return Envelope(hashlib.sha256(request.body).hexdigest(), topic, request.body, triggered_at)

    def translate(self, envelope: Envelope) -> list[Change]:
        said = read_json(envelope.body)
        if not isinstance(said, dict):
            raise Unreadable("The body should be an object.")
        if envelope.topic not in RECORDS:
            return []
        event, time_field, address_field = RECORDS[envelope.topic]
        reason, is_policy = "", False
        if envelope.topic == "Bounce":
            event, reason, is_policy = _bounce(said)
        elif envelope.topic == "SubscriptionChange":
            event, reason = _subscription(said)
        if not event:
            return []
        when = said.get(time_field)
        at = envelope.triggered_at if when is None and envelope.triggered_at else instant(when, time_field)
        mail = words(said.get("MessageID"))
        record = said.get("ID")
        return [
            told(
                event=event,
                message_id=our_id(part(said, "Metadata").get("message_id")),
                provider_id=mail or None,
                email=words(said.get(address_field)) or None,
                at=at,
                external_id=str(record) if isinstance(record, int) else f"{mail}:{envelope.topic}:{when}"[:160],
                reason=reason,
                is_policy=is_policy,
                is_suppressed=said.get("Type") == "ManuallyDeactivated",
                url=words(said.get("OriginalLink")),
                agent=words(said.get("UserAgent")),
                ip=words(part(said, "Geo").get("IP")),
            )
        ]


def _failed(answer: Answer) -> SendError:
    """Why a whole batch was not taken; its status counts where the provider gives no code that we know."""
    said = answer.error()
    code, message = said.get("ErrorCode"), words(said.get("Message"))
    if answer.status in {400, 422} and isinstance(code, int):
        return _error(code, message)
    failed = verdict(answer, message, str(code) if isinstance(code, int) else "")
    assert failed is not None
    return failed


def _outcome(item: Any) -> Outcome:
    if not isinstance(item, dict) or not isinstance(item.get("ErrorCode"), int):
        return Unsure("Postmark answered without an ErrorCode for this mail.")
    if item["ErrorCode"] == 0:
        return Accepted(words(item.get("MessageID")))
    return _error(item["ErrorCode"], words(item.get("Message")))


def _error(code: int, message: str) -> SendError:
    kind = ERRORS.get(code, Refused)
    said = f"{code}: {message or 'no explanation'}"[:500]
    if code == SUPPRESSED:
        return Refused(said, code=str(code), suppress=True)
    return kind(said, code=str(code))


def _bounce(said: dict[str, Any]) -> tuple[str, str, bool]:
    kind = words(said.get("Type"))
    event = BOUNCES.get(kind, "")
    reason = ": ".join(t for t in (kind, words(said.get("Details")) or words(said.get("Description"))) if t)
    is_policy = kind in POLICY
    if event in {"hard_bounce", "soft_bounce"}:
        found = bounces.read("hard_bounce" if event == "hard_bounce" else "soft_bounce", reason, is_policy=is_policy)
        event, is_policy = found.event, found.is_policy
    return event, reason, is_policy


def _subscription(said: dict[str, Any]) -> tuple[str, str]:
    reason = words(said.get("SuppressionReason"))
    key = (said.get("SuppressSending") is True, reason, words(said.get("Origin")))
    return SUBSCRIPTIONS.get(key, ""), reason
