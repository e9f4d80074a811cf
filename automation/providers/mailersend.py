"""MailerSend: batches over its bulk API, and its signed webhooks.

A bulk request is taken as a whole and looked at later: the answer holds no id per mail, and a mail that MailerSend
does not like after all is accepted here and never delivered. It knows neither an idempotency key nor a search by
what we call a mail, so a request without an answer is resolved by its events alone; our ids travel as tags.

MailerSend writes List-Unsubscribe headers of its own. Ours replace them from its Professional plan on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr

from automation import bounces
from automation.agents import is_machine
from automation.changes import Change
from automation.errors import BadSignature, Later, Misconfigured, SendError, Unreadable, Unsure
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
    "MS42901": Later,  # the day's requests are used up
    "MS42903": Later,  # too many requests a minute
    "MS42207": Misconfigured,  # the sender's domain is not verified
    "MS42225": Misconfigured,  # the plan holds no more recipients
}
"""The code at the end of an error's message → what to do next. Others go by the answer's status."""
QUOTA = "MS42901"
MAINTENANCE = 421
EVENTS: dict[str, str] = {
    "activity.sent": "accepted",
    "activity.delivered": "delivered",
    "activity.deferred": "deferred",
    "activity.soft_bounced": "soft_bounce",
    "activity.hard_bounced": "hard_bounce",
    "activity.spam_complaint": "complaint",
    "activity.unsubscribed": "unsubscribe",
    "activity.opened": "open",
    "activity.clicked": "click",
}
"""Type → our word. `opened_unique` and `clicked_unique` tell of what the plain ones tell of too."""
MARK = "message-"
"""Before our message id in a mail's tags."""
TOLERANCE = timedelta(days=4)
"""How old an event may be: MailerSend tries again for about three days, and signs no time but the event's own."""


class MailerSend(Provider):
    """Sends through MailerSend. It needs an API token and a verified domain.

    In MailerSend, open your domain → API tokens and make one with sending access. Then add a webhook to the domain
    with the address shown here, tick all activity events and copy its signing secret back to this page. Below the
    Professional plan MailerSend does not take List-Unsubscribe headers: it writes its own, and tells us by
    activity.unsubscribed.
    """

    label = "MailerSend"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "C"
    records = DomainRecords(
        selectors=("mlsend", "mlsend2"), spf_include="_spf.mailersend.net", where="Domains, DNS records"
    )
    batch_size = 500
    rate = Rate(10 / 60, 10, "requests")
    topics = frozenset(EVENTS)
    topic_field = "type"

    class Settings(ProviderSettings):
        """One MailerSend domain, and the secret that its webhook signs with."""

        api_token: Token = Field(min_length=1, description="API token with sending access.")
        webhook_secret: Token = Field(
            SecretStr(""), description="The webhook's signing secret; until it is here, events are refused."
        )
        own_headers: bool = Field(
            False, description="The plan is Professional or above, so our own List-Unsubscribe headers may be sent."
        )
        base_url: ServiceUrl = Field(
            "https://api.mailersend.com", description="Address of the API.", json_schema_extra={"advanced": True}
        )

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  MailerSend knows no key
        return send_sound(mails, self._submit)

    def _submit(self, mails: Sequence[Mail]) -> list[Outcome]:
        answer = self._ask("POST", "/bulk-email", content=orjson.dumps([self._written(m) for m in mails]))
        if not answer.is_success:
            raise _failed(answer)
        said = answer.json()
        if not isinstance(said, dict) or not words(said.get("bulk_email_id")):
            raise Unsure("MailerSend answered a batch without its bulk_email_id.")
        return [Accepted("") for _ in mails]

    def _written(self, mail: Mail) -> dict[str, Any]:
        tags = [MARK + mail.message_id, *([f"campaign-{mail.campaign}"] if mail.campaign else [])]
        return {
            "from": {"email": mail.from_email, **({"name": mail.from_name} if mail.from_name else {})},
            "to": [{"email": mail.to_email, **({"name": mail.to_name} if mail.to_name else {})}],
            **({"reply_to": {"email": mail.reply_to}} if mail.reply_to else {}),
            "subject": mail.subject,
            "html": mail.html,
            "text": mail.text,
            "tags": tags,
            "settings": {"track_clicks": False, "track_opens": False, "track_content": False},
            **(_headers(mail) if self.settings.own_headers else {}),
        }

    def check(self) -> str:
        said = looked_up(self._ask("GET", "/api-quota"))
        if not isinstance(said, dict) or "remaining" not in said:
            raise Misconfigured("There is no MailerSend at this address.")
        known = f"MailerSend knows this token; {said['remaining']} requests are left today."
        if self.settings.own_headers:
            return f"{known} Mails carry our own List-Unsubscribe."
        return f"{known} Its plan sends MailerSend's List-Unsubscribe, not ours; who uses it is unsubscribed here too."

    def _ask(self, method: str, path: str, *, content: bytes | None = None) -> Answer:
        headers = {
            "Authorization": f"Bearer {self.settings.api_token.get_secret_value()}",
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if content else {}),
        }
        return ask(
            self.http, method, f"{self.settings.base_url.rstrip('/')}/v1{path}", headers=headers, content=content
        )

    def open(self, request: Request, now: datetime) -> Envelope:
        secret = self.settings.webhook_secret.get_secret_value()
        if not secret:
            raise BadSignature("This connection has no signing secret yet.")
        given = request.headers.get("signature") or request.headers.get("x-mailersend-signature") or ""
        if not same(given.encode(), hmac.digest(secret.encode(), request.body, "sha256").hex().encode()):
            raise BadSignature
        said = read_json(request.body)
        topic = self.topic_in(said)
        data = part(said, "data")
        stamp = said.get("created_at") or data.get("created_at")
        triggered_at = instant(stamp, "created_at") if stamp else now
        if abs(now - triggered_at) > TOLERANCE:
            raise BadSignature("The event is more than four days away from now; is this machine's clock right?")
        delivery = words(data.get("id"))
        # The same activity may be told under two types.
        identity = f"{topic}:{delivery}".encode() if delivery else request.body
        return Envelope(hashlib.sha256(identity).hexdigest(), topic, request.body, triggered_at)

    def translate(self, envelope: Envelope) -> list[Change]:
        said = read_json(envelope.body)
        if not isinstance(said, dict):
            raise Unreadable("The body should be an object.")
        event = EVENTS.get(envelope.topic)
        if event is None:
            return []
        data = part(said, "data")
        mail, morph = part(data, "email"), part(data, "morph")
        reason = ": ".join(t for t in (words(morph.get("reason")), words(morph.get("readable_reason"))) if t)
        is_policy = False
        if event in {"hard_bounce", "soft_bounce"}:
            found = bounces.read("hard_bounce" if event == "hard_bounce" else "soft_bounce", reason)
            event, is_policy = found.event, found.is_policy
        agent = words(morph.get("user_agent"))
        return [
            told(
                event=event,
                message_id=_message_id(mail.get("tags")),
                provider_id=words(part(mail, "message").get("id")) or None,
                email=words(part(mail, "recipient").get("email")) or None,
                at=instant(data.get("created_at") or said.get("created_at"), "data.created_at"),
                external_id=envelope.delivery_id,
                reason=reason,
                is_policy=is_policy,
                url=words(morph.get("url")),
                agent=agent,
                ip=words(morph.get("ip")),
                is_machine=event in {"open", "click"} and bool(agent) and is_machine(event, agent),
            )
        ]


def _headers(mail: Mail) -> dict[str, Any]:
    """Our headers; List-Unsubscribe has a property of its own."""
    others = [{"name": n, "value": v} for n, v in mail.headers.items() if n.lower() != "list-unsubscribe"]
    unsubscribe = next((v for n, v in mail.headers.items() if n.lower() == "list-unsubscribe"), "")
    return {
        **({"headers": others} if others else {}),
        **({"list_unsubscribe": unsubscribe} if unsubscribe else {}),
    }


def _failed(answer: Answer) -> SendError:
    text = words(answer.error().get("message"))
    code = text.rpartition("#")[2].rstrip(". ") if "#" in text else ""
    if answer.status == MAINTENANCE:
        return Later(f"421: {text or 'maintenance'}", code="421")
    failed = verdict(answer, text, code)
    assert failed is not None
    kind = ERRORS.get(code)
    # A code counts only beside the status of a refusal: what a 5xx says of itself proves nothing.
    if kind is None or not 400 <= answer.status < 500:
        return failed
    if kind is Later:
        return Later(str(failed), after=LONGEST_WAIT if code == QUOTA else getattr(failed, "after", None), code=code)
    return kind(str(failed), code=code)


def _message_id(tags: Any) -> str | None:
    found = (
        (t.removeprefix(MARK) for t in tags if isinstance(t, str) and t.startswith(MARK))
        if isinstance(tags, list)
        else ()
    )
    return our_id(next(iter(found), None))
