"""Mailgun: one mail per request over its HTTP API v3, its event log, and its signed webhooks.

One body serves all recipients of a Mailgun request, so every mail has its own. There is no idempotency key: a
request without an answer is looked up in the event log by the Message-Id that we gave the mail. The log may lag
behind, by Mailgun's word for up to half an hour; until then "not there" is no answer.

The webhook's signature covers a timestamp and a token, not the body. The token is the delivery's id here: a stolen
signature is worth nothing, because a token that was used counts as a repetition.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from automation import bounces, one_by_one
from automation.addresses import written
from automation.changes import Change
from automation.errors import BadSignature, Later, Misconfigured, SendError, Unreadable, Unsure
from automation.http_answers import Answer, answered_at, ask, looked_up, verdict
from automation.mail_events import epoch, event_id, our_id, part, told, words
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
from automation.security import same
from automation.source import ServiceUrl, Token

EVENTS: dict[str, str] = {
    "accepted": "accepted",
    "delivered": "delivered",
    "failed": "hard_bounce",
    "rejected": "rejected",
    "complained": "complaint",
    "opened": "open",
    "clicked": "click",
    "unsubscribed": "unsubscribe",
}
"""Event → our word; `failed` is a deferral while its severity is temporary, and softened by FAILURES after that."""
FAILURES: dict[str, str] = {
    "bounce": "hard_bounce",
    "generic": "hard_bounce",
    "old": "soft_bounce",
    "greylisted": "soft_bounce",
    "espblock": "soft_bounce",
    "suppress-bounce": "rejected",
    "suppress-complaint": "rejected",
    "suppress-unsubscribe": "rejected",
}
"""Reason of a permanent failure → our word; one that is new to us is a soft bounce."""
POLICY = frozenset({"espblock"})
"""Reasons that are about the sender or the mail, not about the address."""
OLDEST, NEWEST = timedelta(hours=12), timedelta(minutes=5)
"""How far a signature's time may be behind and ahead of ours: Mailgun repeats a webhook for eight hours."""
LAG = timedelta(minutes=30)
"""How long the event log may lack an event."""


class Mailgun(Provider):
    """Sends through a domain at Mailgun. It needs an API key that may send and read events.

    In Mailgun, open Settings → API Keys, make a key with the role Developer and copy the HTTP webhook signing key
    too: it stands on the same page. Then open Send → Webhooks and add the address shown here for accepted,
    delivered, permanent failure, temporary failure, spam complaints and unsubscribes. A domain's sending key is not
    enough, because it cannot read the events that tell what became of a mail.

    Cartwheel switches off Mailgun's open and click tracking in every mail. Leave its unsubscribe tracking off in the
    domain's settings: it would add a List-Unsubscribe header beside Cartwheel's. Mailgun does not take several
    different mails in one request: they leave one by one, eight at a time.
    """

    label = "Mailgun"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "B"
    records = DomainRecords(
        selectors=("mx", "pic", "smtp", "mailo", "k1", "email"), spf_include="mailgun.org", where="Domains, DNS records"
    )
    batch_size = one_by_one.BATCH
    topics = frozenset(EVENTS)
    topic_field = "event-data"

    class Settings(ProviderSettings):
        """One domain at Mailgun, and the key that its webhooks are signed with."""

        api_key: Token = Field(min_length=1, description="API key that may send and read events.")
        domain: str = Field(
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$",
            max_length=253,
            description="Sending domain, such as mail.example.com.",
        )
        signing_key: Token = Field(
            SecretStr(""), description="HTTP webhook signing key; until it is here, events are refused."
        )
        base_url: ServiceUrl = Field(
            "https://api.mailgun.net",
            description="Address of the API; https://api.eu.mailgun.net for domains in the EU.",
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  Mailgun knows no key
        return send_sound(mails, lambda sound: one_by_one.one_by_one(sound, self._submit))

    def _submit(self, mail: Mail) -> Outcome:
        answer = self._ask("POST", "messages", content=urlencode(self._written(mail)).encode())
        if not answer.is_success:
            raise _failed(answer)
        said = answer.json()
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            raise Unsure("Mailgun took a request without giving the mail an id.")
        return Accepted(said["id"].strip("<>"))

    def _written(self, mail: Mail) -> list[tuple[str, str]]:
        headers = {"Reply-To": mail.reply_to} if mail.reply_to else {}
        headers |= {name: value for name, value in mail.headers.items() if name.lower() != "message-id"}
        bodies = (("text", mail.text), ("html", mail.html))
        return [
            ("from", written(mail.from_name, mail.from_email)),
            ("to", written(mail.to_name, mail.to_email)),
            ("subject", mail.subject),
            *((name, body) for name, body in bodies if body),
            ("h:Message-Id", f"<{self._message_id(mail.message_id)}>"),
            *((f"h:{name}", value) for name, value in headers.items()),
            ("v:message_id", mail.message_id),
            *([("o:tag", mail.campaign)] if mail.campaign else []),
            ("o:tracking", "no"),
            ("o:tracking-clicks", "no"),
            ("o:tracking-opens", "no"),
        ]

    def _message_id(self, message_id: str) -> str:
        return f"{message_id}@{self.settings.domain.lower()}"

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:
        found: dict[str, Accepted | None] = {}
        for message_id in message_ids:
            try:
                is_there, is_certain = self._logged(self._message_id(message_id), since)
            except SendError:
                # The next ones would most likely fail alike, one time-out each.
                if not found:
                    raise
                break
            if is_there or is_certain:
                found[message_id] = Accepted(self._message_id(message_id)) if is_there else None
        return found

    def _logged(self, mailgun_id: str, since: datetime) -> tuple[bool, bool]:
        """Whether the event log has a mail, and whether it would have it by now."""
        asked = {"message-id": mailgun_id, "begin": str(int(since.timestamp())), "ascending": "yes", "limit": "10"}
        answer = self._ask("GET", "events", params=asked)
        said = looked_up(answer)
        items = said.get("items") if isinstance(said, dict) else None
        if not isinstance(items, list):
            raise Later("Mailgun's event log answered without a list of events.")
        # A log that ignored the filter would answer with somebody else's mail.
        is_there = any(isinstance(item, dict) and _provider_id(item) == mailgun_id for item in items)
        now = answered_at(answer)
        return is_there, now is not None and now - since > LAG

    def check(self) -> str:
        self._events_may_be_read()
        said = looked_up(self._ask("GET", "tracking", path="v3/domains"))
        tracking = said.get("tracking") if isinstance(said, dict) else None
        unsubscribe = tracking.get("unsubscribe") if isinstance(tracking, dict) else None
        sentence = f"Mailgun knows this key, and the domain {self.settings.domain}."
        if isinstance(unsubscribe, dict) and unsubscribe.get("active") in (True, "yes", "true"):
            sentence += " Switch off its unsubscribe tracking there: it adds a List-Unsubscribe header of its own."
        if not self.settings.signing_key.get_secret_value():
            sentence += " Its events are refused until the webhook signing key is here."
        return sentence

    def _events_may_be_read(self) -> None:
        answer = self._ask("GET", "events", params={"limit": "1"})
        if answer.status == 404:
            raise Misconfigured(f"There is no domain {self.settings.domain} at this address of Mailgun's.", code="404")
        looked_up(answer)

    def _ask(
        self,
        method: str,
        what: str,
        *,
        path: str = "v3",
        content: bytes | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        credentials = base64.b64encode(f"api:{self.settings.api_key.get_secret_value()}".encode()).decode()
        return ask(
            self.http,
            method,
            f"{self.settings.base_url.rstrip('/')}/{path}/{self.settings.domain}/{what}",
            headers={
                "Authorization": f"Basic {credentials}",
                "Accept": "application/json",
                **({"Content-Type": "application/x-www-form-urlencoded"} if content else {}),
            },
            content=content,
            params=params,
        )

    def topic_in(self, body: Any) -> str:
        data = part(body, "event-data") if isinstance(body, dict) else {}
        if not isinstance(data.get("event"), str) or not data["event"]:
            raise Unreadable("event-data.event is missing; Mailgun's webhooks say there what they are about.")
        return str(data["event"])[:128]

    def open(self, request: Request, now: datetime) -> Envelope:
        said = read_json(request.body)
        token = _verified(said, self.settings.signing_key.get_secret_value(), now)
        topic = self.topic_in(said)
        when = said["event-data"].get("timestamp")
        triggered_at = now if when is None else epoch(when, "event-data.timestamp")
        return Envelope(token, topic, request.body, triggered_at)

    def translate(self, envelope: Envelope) -> list[Change]:
        body = read_json(envelope.body)
        self.topic_in(body)
        said = part(body, "event-data")
        event = EVENTS.get(envelope.topic, "")
        if not event:
            return []
        event, reason, is_policy, is_suppressed = _what(event, said)
        when, client = said.get("timestamp"), part(said, "client-info")
        at = envelope.triggered_at if when is None and envelope.triggered_at else epoch(when, "event-data.timestamp")
        # Mailgun's ids are unique within a day only.
        id_of_event = f"{said['id']}:{at:%Y%m%d}" if words(said.get("id")) else None
        return [
            told(
                event=event,
                message_id=our_id(part(said, "user-variables").get("message_id")),
                provider_id=_provider_id(said),
                email=_recipient(said),
                at=at,
                external_id=event_id(id_of_event, said),
                reason=reason,
                is_policy=is_policy,
                is_suppressed=is_suppressed,
                url=words(said.get("url")),
                agent=words(client.get("user-agent")),
                ip=words(said.get("ip")),
                is_machine=bool(words(client.get("bot"))),
            )
        ]


def _failed(answer: Answer) -> SendError:
    failed = verdict(answer, words(answer.error().get("message")))
    assert failed is not None
    said = str(failed).lower()
    if answer.status == 400 and ("'from'" in said or "from parameter" in said):
        return Misconfigured(str(failed), code=failed.code)
    return failed


def _what(event: str, said: dict[str, Any]) -> tuple[str, str, bool, bool]:
    """Our word, the reason, whether it is about the sender, whether Mailgun no longer mails the address."""
    if event == "rejected":
        reject = part(said, "reject")
        return event, ": ".join(t for t in (words(reject.get(n)) for n in ("reason", "description")) if t), False, False
    if event != "hard_bounce":
        return event, "", False, False
    why, status = words(said.get("reason")), part(said, "delivery-status")
    code = status.get("code")
    details = (why, str(code) if isinstance(code, int) else "", words(status.get("enhanced-code")))
    reason = ": ".join(t for t in (*details, words(status.get("message")) or words(status.get("description"))) if t)
    if said.get("severity") == "temporary":
        return "deferred", reason, False, False
    called = FAILURES.get(why, "soft_bounce" if why else "hard_bounce")
    if called == "rejected":
        return called, reason, False, True
    if isinstance(code, int) and 400 <= code < 500:
        called = "soft_bounce"  # it gave up, but nobody said that there is no such address
    found = bounces.read("hard_bounce" if called == "hard_bounce" else "soft_bounce", reason, is_policy=why in POLICY)
    return found.event, reason, found.is_policy, False


def _headers(said: dict[str, Any]) -> dict[str, Any]:
    return part(part(said, "message"), "headers")


def _provider_id(said: dict[str, Any]) -> str | None:
    return words(_headers(said).get("message-id")).strip("<>")[:200] or None


def _recipient(said: dict[str, Any]) -> str | None:
    found = words(said.get("recipient")) or words(_headers(said).get("to"))
    return found.rpartition("<")[2].rstrip("> ") or None


def _verified(said: Any, signing_key: str, now: datetime) -> str:
    """The webhook's token, once its signature holds: HMAC-SHA256 over timestamp and token, in hex."""
    if not signing_key:
        raise BadSignature("This connection has no webhook signing key yet.")
    if not isinstance(said, dict):
        raise Unreadable("Mailgun's webhook should be an object.")
    given = said.get("signature")
    if not isinstance(given, dict):
        raise BadSignature
    stamp, token, signature = (words(given.get(n)) for n in ("timestamp", "token", "signature"))
    if not token or len(token) > 128 or not token.isprintable() or not (stamp.isascii() and stamp.isdigit()):
        raise BadSignature
    expected = hmac.digest(signing_key.encode(), (stamp + token).encode(), "sha256").hex()
    if not same(signature.encode(), expected):
        raise BadSignature
    age = now.timestamp() - int(stamp[:15])
    if not -NEWEST.total_seconds() <= age <= OLDEST.total_seconds():
        raise BadSignature("The request was signed at another time; is this machine's clock right?")
    return token
