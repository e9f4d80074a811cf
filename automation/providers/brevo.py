"""Brevo (once Sendinblue): batches of different mails under an idempotency key, and its webhooks.

A batch is one request with `messageVersions`, and is taken or refused as a whole. Its key is remembered for a
quarter or half an hour, depending on whom one reads; sent again within that time, the batch is refused as a
duplicate without its ids. So a duplicate is an acceptance whose ids are not known: the events, which carry our
message id, bring them. A batch that is older than the key is resolved by its events alone.

Headers of a single version are not in Brevo's reference, but django-anymail has sent them for years. Brevo reads
bodies and subjects as templates of its own: what would begin a tag there is kept apart by a blank.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr

from automation import bounces, hook_password
from automation.changes import Change, MailEvent
from automation.errors import HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.hook_password import HookPassword, HookUser
from automation.http_answers import LONGEST_WAIT, Answer, ask, looked_up, verdict
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
    Rate,
    Request,
    read_json,
)
from automation.security import random_id
from automation.source import ServiceUrl, Token

ERRORS: dict[str, type[SendError]] = {
    "unauthorized": Misconfigured,
    "permission_denied": Misconfigured,
    "account_under_validation": Misconfigured,
    "not_enough_credits": Misconfigured,
    "method_not_allowed": Misconfigured,
    "too_many_requests": Later,
    "invalid_parameter": Refused,
    "missing_parameter": Refused,
    "out_of_range": Refused,
}
"""Error code → what to do next; others go by the answer's status."""
DUPLICATE = "duplicate_parameter"
EVENTS: dict[str, str] = {
    "request": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "deferred": "deferred",
    "soft_bounce": "soft_bounce",
    "hard_bounce": "hard_bounce",
    "invalid_email": "hard_bounce",
    "blocked": "rejected",
    "error": "rejected",
    "spam": "complaint",
    "complaint": "complaint",
    "opened": "open",
    "unique_opened": "open",
    "proxy_open": "open",
    "unique_proxy_open": "open",
    "click": "click",
    "unsubscribed": "unsubscribe",
    "unsubscribe": "unsubscribe",
}
"""Event → our word."""
MACHINES = frozenset({"proxy_open", "unique_proxy_open"})
"""Opens by a mail program's proxy, whoever looks."""
MIXED = "several"
"""Topic of a body whose events are not all of one kind."""
_ABOUT_RECIPIENT = re.compile(r"\b(user|contact|recipient)s?\b", re.IGNORECASE)
_TIMES = ("ts_epoch", "s_epoch", "ts_event", "ts")
"""Fields with the event's time, the most reliable first; `date` is in the account's zone, which it does not name."""
_TAG = re.compile(r"\{(?=[{%#])")
_LONGEST_NAME = 70


class Brevo(Provider):
    """Sends through Brevo. It needs an API key and a verified sender or domain.

    In Brevo, open SMTP & API → API keys and make one. Then open Transactional → Settings → Webhook, add the address
    shown here and tick sent, delivered, deferred, soft bounced, hard bounced, invalid email, blocked, error, spam
    and unsubscribed. Switch off the tracking of opens and clicks in the transactional settings: Brevo knows no way
    to switch it off in a single mail.

    Brevo puts a List-Unsubscribe header of its own into transactional mails, and may put it in the place of
    Cartwheel's. Who unsubscribes through it is told to Cartwheel by the webhook, and counts as unsubscribed from
    marketing. Send yourself a mail and look at its headers before the first campaign.
    """

    label = "Brevo"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "A"
    records = DomainRecords(selectors=("brevo1", "brevo2", "mail"), where="Senders & Domains")
    batch_size = 200
    rate = Rate(100 / 60, 20, "requests")
    batch_bytes = 8_000_000
    key_window = timedelta(minutes=12)
    topics = frozenset({*EVENTS, MIXED})
    topic_field = "event"

    class Settings(ProviderSettings):
        """One Brevo account, and what its webhooks must bring along."""

        api_key: Token = Field(min_length=1, description="API key (xkeysib-…).")
        webhook_user: HookUser = Field("cartwheel", description="User name in the webhook's address.")
        webhook_password: HookPassword = Field(
            default_factory=lambda: SecretStr(random_id()),
            description="Password in the webhook's address; made up if you leave it out.",
        )
        base_url: ServiceUrl = Field(
            "https://api.brevo.com/v3", description="Address of the API.", json_schema_extra={"advanced": True}
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        return send_sound(mails, lambda sound: self._submit(sound, key))

    def _submit(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        # A request has one sender. Which mails are its own depends on the batch alone, so that a repetition is one.
        first = (mails[0].from_name, mails[0].from_email)
        ours = [mail for mail in mails if (mail.from_name, mail.from_email) == first]
        sent = iter(self._submit_together(ours, key))
        other = HeldBack("Another sender's mails travel in a request of their own.", after=timedelta())
        return [next(sent) if (mail.from_name, mail.from_email) == first else other for mail in mails]

    def _submit_together(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        answer = self._ask("POST", "/smtp/email", content=orjson.dumps(_written(mails, key)))
        if answer.status == 400 and answer.error().get("code") == DUPLICATE:
            return [Accepted("") for _ in mails]
        if not answer.is_success:
            raise _failed(answer)
        return _outcomes(answer.json(), len(mails))

    def check(self) -> str:
        said = looked_up(self._ask("GET", "/account"))
        relay = said.get("relay") if isinstance(said, dict) else None
        if isinstance(relay, dict) and relay.get("enabled") is False:
            raise Misconfigured("Brevo knows this key, but transactional mail is not activated for the account yet.")
        return (
            "Brevo knows this key. It may put its own List-Unsubscribe header in the place of Cartwheel's: "
            "send yourself a mail and look at its headers."
        )

    def _ask(self, method: str, path: str, *, content: bytes | None = None) -> Answer:
        return ask(
            self.http,
            method,
            self.settings.base_url.rstrip("/") + path,
            headers={
                "api-key": self.settings.api_key.get_secret_value(),
                "Accept": "application/json",
                **({"Content-Type": "application/json"} if content else {}),
            },
            content=content,
        )

    def hook_url(self, url: str) -> str:
        return hook_password.address(url, self.settings.webhook_user, self.settings.webhook_password)

    def topic_in(self, body: Any) -> str:
        kinds = {event["event"][:128] for event in _events(body)}
        return kinds.pop() if len(kinds) == 1 else MIXED

    def open(self, request: Request, now: datetime) -> Envelope:
        hook_password.verify(request, self.settings.webhook_user, self.settings.webhook_password, self.label)
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


def _written(mails: Sequence[Mail], key: str) -> dict[str, Any]:
    first = mails[0]
    campaigns = {mail.campaign for mail in mails}
    return {
        "sender": _person(first.from_name, first.from_email),
        # Brevo wants these although every version has its own.
        "subject": _plain(first.subject),
        "htmlContent": _plain(first.html),
        "headers": {"idempotencyKey": str(uuid.uuid5(uuid.NAMESPACE_URL, f"cartwheel:{key}"))},
        "messageVersions": [_version(mail) for mail in mails],
        **({"tags": [first.campaign]} if first.campaign and len(campaigns) == 1 else {}),
    }


def _version(mail: Mail) -> dict[str, Any]:
    # What is not ASCII in a header would leave as raw bytes, whatever way it is written here.
    headers = {name: value for name, value in mail.headers.items() if value.isascii()}
    return {
        "to": [_person(mail.to_name, mail.to_email)],
        "subject": _plain(mail.subject),
        "htmlContent": _plain(mail.html),
        **({"textContent": _plain(mail.text)} if mail.text else {}),
        **({"replyTo": {"email": mail.reply_to}} if mail.reply_to else {}),
        "headers": headers | {"X-Mailin-custom": orjson.dumps({"message_id": mail.message_id}).decode()},
    }


def _plain(text: str) -> str:
    """Without the beginnings of Brevo's template tags: what a customer's name or a product's title holds is text."""
    return _TAG.sub("{ ", text)


def _person(name: str, email: str) -> dict[str, str]:
    # Brevo drops a name that holds both letters beyond ASCII and punctuation.
    name = name if name.isascii() else re.sub(r'[()<>\[\]:;@\\,."]', " ", name)
    name = " ".join(_plain(name).split())[:_LONGEST_NAME].rstrip()
    return {"email": email, **({"name": name} if name else {})}


def _outcomes(said: Any, count: int) -> list[Outcome]:
    """The ids stand in the order of the versions. Raises Unsure when there are not as many."""
    ids = said.get("messageIds") if isinstance(said, dict) else None
    if ids is None and count == 1 and isinstance(said, dict) and isinstance(said.get("messageId"), str):
        ids = [said["messageId"]]
    if not isinstance(ids, list) or len(ids) != count:
        raise Unsure(f"Brevo took a batch of {count} without giving {count} ids.")
    return [Accepted(words(found).strip("<>")) for found in ids]


def _failed(answer: Answer) -> SendError:
    said = answer.error()
    code, message = words(said.get("code")), words(said.get("message"))
    by_status = verdict(answer, f"{code}: {message}" if code else message, code)
    assert by_status is not None
    kind = ERRORS.get(code)
    if isinstance(by_status, Later) or (kind is Later and 400 <= answer.status < 500):
        return Later(str(by_status), after=getattr(by_status, "after", None) or _reset(answer), code=by_status.code)
    # A code counts only beside the status of a refusal: what a 5xx says of itself proves nothing.
    if kind is None or not 400 <= answer.status < 500 or isinstance(by_status, Misconfigured | Unsure):
        return by_status
    if kind is Refused and "sender" in message.lower():
        kind = Misconfigured
    return kind(str(by_status), code=by_status.code)


def _reset(answer: Answer) -> timedelta | None:
    seconds = answer.headers.get("x-sib-ratelimit-reset", "")
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 6:
        return None
    return min(timedelta(seconds=int(seconds)), LONGEST_WAIT)


def _events(body: Any) -> list[dict[str, Any]]:
    """The events of a webhook: one, or a list of them where the webhook is batched."""
    events = body if isinstance(body, list) else [body]
    if not events:
        raise Unreadable("Brevo's webhook holds no event.")
    for n, event in enumerate(events, 1):
        if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not event["event"]:
            raise Unreadable(f"Event {n}: `event` is missing; Brevo says there what happened.")
    return events


def _told(said: dict[str, Any], envelope: Envelope) -> list[MailEvent]:
    """One event in our words; nothing for a kind that means nothing to us."""
    event, is_policy = EVENTS.get(said["event"], ""), False
    if not event:
        return []
    reason = words(said.get("reason")).strip()
    if event in {"hard_bounce", "soft_bounce"}:
        found = bounces.read("hard_bounce" if event == "hard_bounce" else "soft_bounce", reason)
        event, is_policy = found.event, found.is_policy
    is_about_recipient = bool(_ABOUT_RECIPIENT.search(reason)) and "sender" not in reason.lower()
    return [
        told(
            event=event,
            message_id=_message_id(said),
            provider_id=words(said.get("message-id")).strip("<>")[:200] or None,
            email=words(said.get("email")) or None,
            at=_time(said, envelope),
            external_id=event_id(None, _identity(said)),
            reason="" if event in {"accepted", "delivered"} else reason,
            is_policy=is_policy,
            is_suppressed=said["event"] == "blocked" and is_about_recipient,
            url=words(said.get("link")),
            agent=words(said.get("user_agent")),
            is_machine=said["event"] in MACHINES,
        )
    ]


def _identity(said: dict[str, Any]) -> Any:
    """What tells an event from others: Brevo gives it no id. A first opening is told a second time as an opening."""
    if EVENTS[said["event"]] != "open":
        return said
    kind = said["event"].removeprefix("unique_")
    return [kind, *(said.get(name) for name in ("message-id", "email", "ts_event", "ts_epoch"))]


def _message_id(said: dict[str, Any]) -> str | None:
    text = words(said.get("X-Mailin-custom"))
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return our_id(found.get("message_id")) if isinstance(found, dict) else None


def _time(said: dict[str, Any], envelope: Envelope) -> datetime:
    name = next((name for name in _TIMES if said.get(name) is not None), None)
    if name is None and envelope.triggered_at:
        return envelope.triggered_at
    value = said.get(name or "ts_epoch")
    # Some fields hold milliseconds, and one held seconds once.
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 100_000_000_000:
        value /= 1000
    return epoch(value, name or "ts_epoch")
