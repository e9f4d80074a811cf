"""Mailjet: batches over its Send API v3.1, and its webhooks.

A batch may succeed in part, whatever its status says: each mail has a result of its own, in order, also beside a
400. Mailjet knows no idempotency key; a mail is found again by its CustomID, which is our message id.

Its webhooks carry no signature but what stands in their address: user and password. They come as one event or, in
their second version, as a list.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr

from automation import bounces, hook_password
from automation.agents import is_machine
from automation.changes import Change, MailEvent
from automation.errors import Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.hook_password import HookPassword, HookUser
from automation.http_answers import Answer, ask, looked_up, verdict
from automation.mail_events import epoch, our_id, told, words
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

ERRORS: dict[str, type[SendError]] = {
    "mj-0001": Misconfigured,  # the key is suspended
    "mj-0002": Refused,  # JSON it cannot read
    "mj-0015": Misconfigured,  # wrong key
    "send-0008": Misconfigured,  # the sender is not authorised
    "send-0010": Misconfigured,
}
"""Error code → what to do next. Others (a field that it does not take) are Refused. None of these mails was taken."""
EVENTS: dict[str, str] = {
    "sent": "delivered",
    "bounce": "soft_bounce",
    "blocked": "rejected",
    "spam": "complaint",
    "open": "open",
    "click": "click",
    "unsub": "unsubscribe",
}
"""Event → our word; a bounce is hard if `hard_bounce` says so."""
POLICY = frozenset({"spam", "content", "policy issue", "sender blocked", "content blocked", "policy"})
"""Of `error_related_to` and `error`: the receiver objects to the sender or the mail."""
SUPPRESSED = frozenset({"preblocked"})
"""Of `error`: Mailjet did not try, because of what happened to earlier mails."""
SEVERAL = "several"
"""The topic of a delivery with events of different kinds."""


class Mailjet(Provider):
    """Sends through Mailjet. It needs an API key with its secret key, and a validated sender or domain.

    In Mailjet, open Account → API Key Management and copy both keys. Then open Event notifications (webhooks), enter
    the address shown here for Sent, Bounce, Blocked, Spam and Unsub, and tick "Group events".
    """

    label = "Mailjet"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "B"
    records = DomainRecords(selectors=("mailjet",), spf_include="spf.mailjet.com", where="Sender domains & addresses")
    batch_size = 50
    batch_bytes = 14_000_000
    topics = frozenset({*EVENTS, SEVERAL})

    class Settings(ProviderSettings):
        """One pair of Mailjet keys, and what its webhooks must bring along."""

        api_key: Token = Field(min_length=1, description="API key.")
        secret_key: Token = Field(min_length=1, description="Secret key.")
        webhook_user: HookUser = Field("cartwheel", description="User name in the webhook's address.")
        webhook_password: HookPassword = Field(
            default_factory=lambda: SecretStr(random_id()),
            description="Password in the webhook's address; made up if you leave it out.",
        )
        base_url: ServiceUrl = Field(
            "https://api.mailjet.com", description="Address of the API.", json_schema_extra={"advanced": True}
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  Mailjet knows no key
        return send_sound(mails, self._submit)

    def _submit(self, mails: Sequence[Mail]) -> list[Outcome]:
        answer = self._ask("POST", "/v3.1/send", content=orjson.dumps({"Messages": [_written(m) for m in mails]}))
        items = _items(answer, len(mails))
        if items is not None:
            return [_outcome(item) for item in items]
        if answer.is_success:
            answer.json()
            raise Unsure(f"Mailjet answered a batch of {len(mails)} with something else than {len(mails)} results.")
        raise _failed(answer)

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
        params = {
            "CustomID": message_id,
            "ShowCustomID": "true",
            "FromTS": str(int(since.timestamp())),
            "Limit": "1",
        }
        said = looked_up(self._ask("GET", "/v3/REST/message", params=params))
        if not isinstance(said, dict) or not isinstance(said.get("Data"), list):
            raise Later("Mailjet's look-up answered without a list of messages.")
        for message in said["Data"]:
            # A look-up that ignored the filter would answer with somebody else's mail.
            if isinstance(message, dict) and message.get("CustomID", message_id) == message_id:
                return Accepted(_number(message.get("ID")))
        return None

    def check(self) -> str:
        said = looked_up(self._ask("GET", "/v3/REST/sender", params={"Limit": "1000"}))
        if not isinstance(said, dict) or not isinstance(said.get("Data"), list):
            raise Misconfigured("There is no Mailjet at this address.")
        active = [words(s.get("Email")) for s in said["Data"] if isinstance(s, dict) and s.get("Status") == "Active"]
        if not active:
            raise Misconfigured("Mailjet knows these keys, but no sender is validated there; nothing can be sent yet.")
        return f"Mailjet knows these keys. Validated: {', '.join(active[:10])}."

    def _ask(
        self, method: str, path: str, *, content: bytes | None = None, params: dict[str, str] | None = None
    ) -> Answer:
        settings = self.settings
        keys = f"{settings.api_key.get_secret_value()}:{settings.secret_key.get_secret_value()}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(keys.encode()).decode()}",
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if content else {}),
        }
        url = settings.base_url.rstrip("/") + path
        return ask(self.http, method, url, headers=headers, content=content, params=params)

    def hook_url(self, url: str) -> str:
        return hook_password.address(url, self.settings.webhook_user, self.settings.webhook_password)

    def open(self, request: Request, now: datetime) -> Envelope:
        settings = self.settings
        hook_password.verify(request, settings.webhook_user, settings.webhook_password, self.label)
        kinds = {words(e.get("event"))[:128] for e in _events(read_json(request.body))}
        if "" in kinds:
            raise Unreadable("An event does not say in `event` what it is.")
        topic = SEVERAL if len(kinds) > 1 else kinds.pop()
        return Envelope(hashlib.sha256(request.body).hexdigest(), topic, request.body, now)

    def translate(self, envelope: Envelope) -> list[Change]:
        told_of = (_event(e, n) for n, e in enumerate(_events(read_json(envelope.body))))
        return [event for event in told_of if event is not None]


def _written(mail: Mail) -> dict[str, Any]:
    return {
        "From": _person(mail.from_name, mail.from_email),
        "To": [_person(mail.to_name, mail.to_email)],
        **({"ReplyTo": {"Email": mail.reply_to}} if mail.reply_to else {}),
        "Subject": mail.subject,
        "HTMLPart": mail.html,
        "TextPart": mail.text,
        **({"Headers": dict(mail.headers)} if mail.headers else {}),
        "CustomID": mail.message_id,
        **({"EventPayload": mail.campaign} if mail.campaign else {}),
        "TemplateLanguage": False,
        "TrackOpens": "disabled",
        "TrackClicks": "disabled",
    }


def _person(name: str, email: str) -> dict[str, str]:
    """Mailjet takes no empty text."""
    return {"Email": email, **({"Name": name} if name else {})}


def _items(answer: Answer, count: int) -> list[Any] | None:
    """The result of each mail, if the answer holds them; those beside a 5xx, or a key that is wrong, prove nothing."""
    if not answer.is_success and answer.status not in {400, 403, 422}:
        return None
    items = answer.error().get("Messages")
    return items if isinstance(items, list) and len(items) == count and all(map(_is_result, items)) else None


def _is_result(item: Any) -> bool:
    return isinstance(item, dict) and item.get("Status") in {"success", "error"}


def _outcome(item: dict[str, Any]) -> Outcome:
    if item["Status"] == "success":
        to = item.get("To")
        first = to[0] if isinstance(to, list) and to and isinstance(to[0], dict) else {}
        return Accepted(_number(first.get("MessageID")))
    errors = item.get("Errors")
    said = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return _error(words(said.get("ErrorCode")), words(said.get("ErrorMessage")))


def _error(code: str, text: str) -> SendError:
    return ERRORS.get(code, Refused)(f"{code}: {text or 'no explanation'}"[:500], code=code)


def _failed(answer: Answer) -> SendError:
    said = answer.error()
    code, text = words(said.get("ErrorCode")), words(said.get("ErrorMessage"))
    if answer.status in {400, 403, 422} and code in ERRORS:
        return _error(code, text)
    failed = verdict(answer, text, code)
    assert failed is not None
    return failed


def _number(value: Any) -> str:
    """Mailjet's ids are integers beyond what a float can hold."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _events(body: Any) -> list[dict[str, Any]]:
    """The events of a delivery. Raises Unreadable saying which is none."""
    items = body if isinstance(body, list) else [body]
    if not items:
        raise Unreadable("The body is an empty list; it should hold events.")
    for n, item in enumerate(items):
        if not isinstance(item, dict):
            raise Unreadable(f"[{n}] should be an object.")
    return items


def _event(said: dict[str, Any], n: int) -> MailEvent | None:
    kind = words(said.get("event"))
    event = EVENTS.get(kind)
    if event is None:
        return None
    error, about = words(said.get("error")), words(said.get("error_related_to"))
    reason = ": ".join(t for t in (about, error, words(said.get("comment")) or words(said.get("source"))) if t)
    is_policy = bool({error, about} & POLICY)
    if kind == "bounce":
        called: Literal["hard_bounce", "soft_bounce"] = (
            "hard_bounce" if said.get("hard_bounce") is True else "soft_bounce"
        )
        found = bounces.read(called, reason, is_policy=is_policy)
        event, is_policy = found.event, found.is_policy
    agent = words(said.get("agent"))
    # It names no event; the same one told again is the same text.
    identity = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return told(
        event=event,
        message_id=our_id(said.get("CustomID")),
        provider_id=_number(said.get("MessageID")) or None,
        email=words(said.get("email")) or None,
        at=epoch(said.get("time"), f"[{n}].time"),
        external_id=hashlib.sha256(identity).hexdigest(),
        reason=reason,
        is_policy=is_policy,
        is_suppressed=error in SUPPRESSED,
        url=words(said.get("url")),
        agent=agent,
        ip=words(said.get("ip")),
        is_machine=kind in {"open", "click"} and bool(agent) and is_machine(kind, agent),
    )
