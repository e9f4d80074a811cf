"""SparkPost: transmissions over its HTTP API, and its webhooks.

A transmission has one content for all its recipients, so every mail travels in a request of its own. SparkPost
knows no idempotency key, but its events can be searched by campaign: the campaign of a transmission is our message
id, and our campaign is one of its tags.

In mails that are not transactional SparkPost puts a List-Unsubscribe of its own beside ours, and tells of those who
use it. It reads `{{ }}` in subjects and headers even where substitutions are switched off, so such text travels as
data, which is not read again.

Its webhooks carry no signature but what stands in their address: user and password.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr

from automation import bounces, hook_password
from automation.agents import is_machine
from automation.changes import Change, MailEvent
from automation.errors import Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.hook_password import HookPassword, HookUser
from automation.http_answers import LONGEST_WAIT, Answer, answered_at, ask, looked_up, verdict
from automation.mail_events import epoch, instant, our_id, part, told, words
from automation.mail_flaws import send_sound
from automation.one_by_one import BATCH, one_by_one
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
    "1100": Misconfigured,  # a DKIM key that it does not have
    "1400": Refused,  # a field is missing
    "1902": Refused,  # the recipient is on its suppression list
    "2101": Later,  # the account's sending limit
    "2102": Later,
    "2103": Later,
    "5001": Refused,  # no recipient left
    "5002": Refused,
    "7001": Misconfigured,  # the sending domain is not verified
}
"""Error code → what to do next, beside a 4xx. None of these mails was taken."""
OVER_LIMIT = 420
EVENTS: dict[str, str] = {
    "injection": "accepted",
    "delivery": "delivered",
    "delay": "deferred",
    "bounce": "soft_bounce",
    "out_of_band": "soft_bounce",
    "policy_rejection": "rejected",
    "generation_failure": "rejected",
    "generation_rejection": "rejected",
    "spam_complaint": "complaint",
    "open": "open",
    "amp_open": "open",
    "click": "click",
    "amp_click": "click",
    "list_unsubscribe": "unsubscribe",
    "link_unsubscribe": "unsubscribe",
}
"""Type → our word; bounces go by CLASSES. `initial_open` tells of an open that `open` tells of too."""
BOUNCED = frozenset({"bounce", "out_of_band"})
CLASSES: dict[str, str] = {
    "1": "soft_bounce",  # undetermined
    "10": "hard_bounce",  # invalid recipient
    "20": "soft_bounce",
    "21": "soft_bounce",  # DNS
    "22": "soft_bounce",  # mailbox full
    "23": "soft_bounce",  # too large
    "24": "soft_bounce",  # time-out
    "25": "rejected",  # its own admins' doing
    "30": "hard_bounce",  # no recipient
    "40": "soft_bounce",
    "50": "soft_bounce",  # the receiver objects to us or to the mail
    "51": "soft_bounce",
    "52": "soft_bounce",
    "53": "soft_bounce",
    "54": "soft_bounce",
    "60": "",  # an automatic reply
    "70": "soft_bounce",
    "80": "",  # somebody wrote "subscribe": no consent that could be proved
    "90": "unsubscribe",
    "100": "",  # a challenge to prove that we are people
}
"""Bounce class → our word."""
POLICY = frozenset({"50", "51", "52", "53", "54"})
SEVERAL = "several"
"""The topic of a delivery with events of different types."""
TRANSACTIONAL = frozenset({"transactional", "reminder"})
KEPT = timedelta(days=9)
"""SparkPost's search goes back ten days."""
ASKED_AT_ONCE = 100
"""Ids per search: its address may not be longer than 4,096 letters."""


class SparkPost(Provider):
    """Sends through SparkPost. It needs an API key and a verified sending domain.

    In SparkPost, make an API key that may do Transmissions: Read/Write and Event Search: Read-only. Then add a
    webhook with the address shown here and tick all message, engagement, generation and unsubscribe events; where
    it asks for authentication, choose Basic with the user and password that stand in that address. Mails of the
    classes lifecycle and promotional get a List-Unsubscribe of SparkPost's own beside ours.
    """

    label = "SparkPost"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "B"
    records = DomainRecords(where="Sending Domains")
    batch_size = BATCH
    topics = frozenset({*EVENTS, SEVERAL})

    class Settings(ProviderSettings):
        """One SparkPost account or subaccount, and what its webhooks must bring along."""

        api_key: Token = Field(min_length=1, description="API key for transmissions and event search.")
        webhook_user: HookUser = Field("cartwheel", description="User name in the webhook's address.")
        webhook_password: HookPassword = Field(
            default_factory=lambda: SecretStr(random_id()),
            description="Password in the webhook's address; made up if you leave it out.",
        )
        base_url: ServiceUrl = Field(
            "https://api.sparkpost.com",
            description="Address of the API; accounts in the EU have https://api.eu.sparkpost.com.",
            json_schema_extra={"advanced": True},
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  SparkPost knows no key
        return send_sound(mails, lambda sound: one_by_one(sound, self._submit))

    def _submit(self, mail: Mail) -> Outcome:
        answer = self._ask("POST", "/transmissions", content=orjson.dumps(_written(mail)))
        if not answer.is_success:
            raise _failed(answer)
        said = answer.json()
        results = said.get("results") if isinstance(said, dict) else None
        if not isinstance(results, dict):
            raise Unsure("SparkPost answered a transmission without its results.")
        counts = (results.get("total_accepted_recipients"), results.get("total_rejected_recipients"))
        if counts == (1, 0):
            return Accepted(words(results.get("id")))
        if counts == (0, 1):
            return _error(*_first(results.get("rcpt_to_errors") or said.get("errors")))
        raise Unsure("SparkPost neither accepted nor rejected the one recipient of a transmission.")

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:
        found: dict[str, Accepted | None] = {}
        for start in range(0, len(message_ids), ASKED_AT_ONCE):
            try:
                found |= self._found(message_ids[start : start + ASKED_AT_ONCE], since)
            except SendError:
                if not start:
                    raise
                break
        return found

    def _found(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:
        answer = self._ask(
            "GET",
            "/events/message",
            params={
                "campaigns": ",".join(message_ids),
                "events": "injection,delivery,bounce,delay,policy_rejection,generation_failure,generation_rejection",
                "from": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M"),
                "per_page": "10000",
            },
        )
        said = looked_up(answer)
        if not isinstance(said, dict) or not isinstance(said.get("results"), list):
            raise Later("SparkPost's search answered without a list of events.")
        there: dict[str, Accepted | None] = {}
        for event in said["results"]:
            # A search that ignored the filter would answer with somebody else's mail.
            message_id = part(event, "rcpt_meta").get("message_id") if isinstance(event, dict) else None
            if isinstance(message_id, str) and message_id in message_ids:
                there[message_id] = Accepted(words(event.get("transmission_id")))
        asked_at = answered_at(answer)
        if asked_at is not None and since < asked_at - KEPT:
            return there  # that it does not know the others any more says nothing
        return {i: there.get(i) for i in message_ids}

    def check(self) -> str:
        answer = self._ask("GET", "/events/message", params={"events": "injection", "per_page": "1"})
        if answer.status == 403:
            raise Misconfigured("This SparkPost key may not search events; give it Event Search: Read-only.")
        said = looked_up(answer)
        if not isinstance(said, dict) or "results" not in said:
            raise Misconfigured("There is no SparkPost at this address.")
        return (
            "SparkPost knows this key. Into marketing mails it puts a List-Unsubscribe of its own beside ours; who "
            "uses it is unsubscribed here too, by its events."
        )

    def _ask(
        self, method: str, path: str, *, content: bytes | None = None, params: dict[str, str] | None = None
    ) -> Answer:
        headers = {
            "Authorization": self.settings.api_key.get_secret_value(),
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if content else {}),
        }
        url = f"{self.settings.base_url.rstrip('/')}/api/v1{path}"
        return ask(self.http, method, url, headers=headers, content=content, params=params)

    def hook_url(self, url: str) -> str:
        return hook_password.address(url, self.settings.webhook_user, self.settings.webhook_password)

    def open(self, request: Request, now: datetime) -> Envelope:
        settings = self.settings
        hook_password.verify(request, settings.webhook_user, settings.webhook_password, self.label)
        events = _events(read_json(request.body))
        types = {words(e.get("type"))[:128] for e in events}
        if "" in types:
            raise Unreadable("An event has no type.")
        topic = SEVERAL if len(types) > 1 else next(iter(types), "ping")
        return Envelope(hashlib.sha256(request.body).hexdigest(), topic, request.body, now)

    def translate(self, envelope: Envelope) -> list[Change]:
        told_of = (_event(e, n) for n, e in enumerate(_events(read_json(envelope.body))))
        return [event for event in told_of if event is not None]


def _written(mail: Mail) -> dict[str, Any]:
    data: dict[str, str] = {}

    def literal(name: str, value: str) -> str:
        """Text that SparkPost would read as its template language becomes a name for it."""
        if "{{" not in value:
            return value
        data[name] = value
        return f"{{{{{{{name}}}}}}}"

    content = {
        "from": {"email": mail.from_email, "name": literal("from_name", mail.from_name)},
        "subject": literal("subject", mail.subject),
        **({"reply_to": literal("reply_to", mail.reply_to)} if mail.reply_to else {}),
        "headers": {name: literal(f"header_{n}", value) for n, (name, value) in enumerate(mail.headers.items())},
        "html": mail.html,
        "text": mail.text,
    }
    return {
        "options": {
            "open_tracking": False,
            "initial_open": False,
            "click_tracking": False,
            "transactional": mail.mail_class in TRANSACTIONAL,
            "perform_substitutions": False,
        },
        "campaign_id": mail.message_id,
        "recipients": [
            {
                "address": {"email": mail.to_email, **({"name": mail.to_name} if mail.to_name else {})},
                "tags": [mail.campaign] if mail.campaign else [],
                "metadata": {"message_id": mail.message_id},
                **({"substitution_data": data} if data else {}),
            }
        ],
        "content": content,
    }


def _first(errors: Any) -> tuple[str, str]:
    """Code and text of the first of a list of errors."""
    said = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = said.get("code")
    text = ": ".join(t for t in (words(said.get("message")), words(said.get("description"))) if t)
    return str(code) if isinstance(code, int | str) else "", text


def _failed(answer: Answer) -> SendError:
    code, text = _first(answer.error().get("errors"))
    if answer.status == OVER_LIMIT:
        # "Exceed Sending Limit (monthly)": only a person or the next month helps.
        if "monthly" in text.lower():
            return Misconfigured(f"{code}: {text}", code=code)
        return Later(f"{code}: {text}", after=LONGEST_WAIT, code=code or str(OVER_LIMIT))
    if answer.status in {400, 422} and code in ERRORS:
        return _error(code, text)
    failed = verdict(answer, text, code)
    assert failed is not None
    return failed


def _error(code: str, text: str) -> SendError:
    said = f"{code}: {text or 'no explanation'}"[:500]
    if code == "1902" or "suppressed" in text.lower():
        return Refused(said, code=code, suppress=True)
    return ERRORS.get(code, Refused)(said, code=code)


def _events(body: Any) -> list[dict[str, Any]]:
    """The events of a delivery. Raises Unreadable saying which is none."""
    if not isinstance(body, list) or not body:
        raise Unreadable("The body should be a list of events.")
    found: list[dict[str, Any]] = []
    for n, item in enumerate(body):
        families = item.get("msys") if isinstance(item, dict) else None
        if not isinstance(families, dict) or not all(isinstance(e, dict) for e in families.values()):
            raise Unreadable(f"[{n}].msys should be an object of events.")
        found += families.values()
    return found


def _event(said: dict[str, Any], n: int) -> MailEvent | None:
    kind = words(said.get("type"))
    event = EVENTS.get(kind, "")
    reason = words(said.get("raw_reason")) or words(said.get("reason")) or words(said.get("fbtype"))
    is_policy = False
    if kind in BOUNCED:
        event, is_policy = _bounce(str(said.get("bounce_class")), reason)
    if not event:
        return None
    mail = words(said.get("transmission_id"))
    stamp = said.get("timestamp")
    at = instant if isinstance(stamp, str) and "T" in stamp else epoch
    agent, seen = words(said.get("user_agent")), part(said, "user_agent_parsed")
    by_proxy = seen.get("is_proxy") is True or seen.get("is_prefetched") is True
    return told(
        event=event,
        message_id=our_id(part(said, "rcpt_meta").get("message_id")),
        provider_id=mail or None,
        email=words(said.get("raw_rcpt_to")) or words(said.get("rcpt_to")) or None,
        at=at(stamp, f"[{n}].timestamp"),
        external_id=words(said.get("event_id")) or hashlib.sha256(orjson.dumps(said)).hexdigest(),
        reason=reason,
        is_policy=is_policy,
        is_suppressed=event == "rejected" and "suppressed" in reason.lower(),
        url=words(said.get("target_link_url")),
        agent=agent,
        ip=words(said.get("ip_address")),
        is_machine=by_proxy or (event in {"open", "click"} and bool(agent) and is_machine(event, agent)),
    )


def _bounce(kind: str, reason: str) -> tuple[str, bool]:
    event = CLASSES.get(kind, "soft_bounce")
    if event not in {"hard_bounce", "soft_bounce"}:
        return event, False
    found = bounces.read("hard_bounce" if event == "hard_bounce" else "soft_bounce", reason, is_policy=kind in POLICY)
    return found.event, found.is_policy
