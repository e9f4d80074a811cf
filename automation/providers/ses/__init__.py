"""Amazon SES: one mail per request over its HTTP API v2, and its events through Amazon SNS.

A bulk request of SES knows templates only, so every mail travels in its own. There is no idempotency key, and no
question that SES would answer about a mail without SES's own id: a request without an answer is resolved by its
events, which bring our message id along as a tag. SES leaves the List-Unsubscribe headers as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Annotated, Any, ClassVar, Literal

import httpx
import orjson
from pydantic import Field, StringConstraints

from automation import bounces, one_by_one
from automation.changes import Change
from automation.clock import real_time
from automation.errors import Later, Misconfigured, Refused, SendError, Unreadable, Unsure
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
    Quota,
    Rate,
    Request,
    read_json,
)
from automation.providers.ses.signing import Signer
from automation.providers.ses.sns import CONFIRMATION, NOTIFICATION, TOPIC, Topic
from automation.source import ServiceUrl, Token

ERRORS: dict[str, type[SendError]] = {
    "TooManyRequestsException": Later,
    "ThrottlingException": Later,
    "Throttling": Later,
    "LimitExceededException": Later,
    "AccountSuspendedException": Misconfigured,
    "SendingPausedException": Misconfigured,
    "MailFromDomainNotVerifiedException": Misconfigured,
    "NotFoundException": Misconfigured,  # the configuration set
    "AccessDeniedException": Misconfigured,
    "MessageRejected": Refused,
    "BadRequestException": Refused,
}
"""Error name → what to do next; others go by the answer's status."""
EVENTS: dict[str, tuple[str, str, str]] = {
    "Send": ("accepted", "send", ""),
    "Delivery": ("delivered", "delivery", "recipients"),
    "DeliveryDelay": ("deferred", "deliveryDelay", "delayedRecipients"),
    "Bounce": ("hard_bounce", "bounce", "bouncedRecipients"),
    "Reject": ("rejected", "reject", ""),
    "Rendering Failure": ("rejected", "failure", ""),
    "Complaint": ("complaint", "complaint", "complainedRecipients"),
    "Open": ("open", "open", ""),
    "Click": ("click", "click", ""),
    "Subscription": ("unsubscribe", "subscription", ""),
}
"""Event type → (our word, the part that tells of it, the recipients in that part or else all of the mail's)."""
BOUNCES: dict[str, Literal["hard_bounce", "soft_bounce"]] = {
    "": "hard_bounce",
    "Permanent": "hard_bounce",
    "Transient": "soft_bounce",
    "Undetermined": "soft_bounce",
}
"""Bounce type → our word; one that is new to us is soft."""
SUPPRESSED = frozenset({"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"})
"""Subtypes of a mail that never left, because of what happened to earlier ones."""
POLICY = frozenset({"ContentRejected", "AttachmentRejected"})
"""Bounce subtypes that are about the mail, not about the address."""
NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})
"""Feedback types that nobody complained by."""
TRACKING = frozenset({"OPEN", "CLICK"})
_WELCOME = "Successfully validated SNS topic"
"""How the text begins that SES sends to a new topic."""


class SES(Provider):
    """Sends through Amazon SES. It needs an access key that may send, a configuration set and an SNS topic.

    In AWS, make an IAM user with an access key that may do ses:SendEmail, ses:GetAccount and
    ses:GetConfigurationSetEventDestinations. In SES, open Configuration sets, make one, and add an event
    destination to it: Amazon SNS with a topic of its own. Tick sends, rejects, hard bounces, complaints, deliveries,
    delivery delays and rendering failures; leave opens and clicks unticked, because ticking them makes SES rewrite
    your links. Store the topic's ARN here first. Then add a subscription to the topic: protocol HTTPS, the address
    shown here, raw message delivery off. It confirms itself within a minute.

    SES does not take several different mails in one request: they leave one by one, eight at a time, and wait when
    your account's sending rate is used up.
    """

    label = "Amazon SES"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "C"
    records = DomainRecords(where="Identities, your domain, DKIM: three CNAME records")
    batch_size = one_by_one.BATCH
    rate = Rate(14, 14)
    has_quota = True
    topics = frozenset(EVENTS)
    topic_field = "Message"

    class Settings(ProviderSettings):
        """One region of an AWS account, a configuration set, and the topic that it publishes to."""

        region: str = Field(
            pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32, description="AWS region, such as eu-west-1."
        )
        access_key_id: str = Field(pattern=r"^[A-Za-z0-9]{16,128}$", description="Access key ID (AKIA…).")
        secret_access_key: Token = Field(min_length=1, description="Secret access key.")
        configuration_set: str = Field(
            pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the configuration set that publishes events."
        )
        topic_arn: Annotated[str, StringConstraints(strip_whitespace=True, pattern=f"^({TOPIC.pattern})?$")] = Field(
            "", description="ARN of the SNS topic; until it is here, events are refused."
        )
        base_url: ServiceUrl | None = Field(
            None,
            description="Address of the API; left empty, it is the region's own.",
            json_schema_extra={"advanced": True},
        )

    def __init__(self, settings: Any, http: httpx.Client) -> None:
        super().__init__(settings, http)
        # A body reads the same without settings, so there may be none.
        self.topic = Topic(getattr(settings, "topic_arn", ""), http)

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  SES knows no key
        return send_sound(mails, lambda sound: one_by_one.one_by_one(sound, self._submit))

    def _submit(self, mail: Mail) -> Outcome:
        answer = self._ask("POST", "/v2/email/outbound-emails", orjson.dumps(self._written(mail)))
        if not answer.is_success:
            raise _failed(answer)
        said = answer.json()
        if not isinstance(said, dict) or not isinstance(said.get("MessageId"), str):
            raise Unsure("SES took a request without giving the mail an id.")
        return Accepted(said["MessageId"])

    def _written(self, mail: Mail) -> dict[str, Any]:
        tags = {"message_id": mail.message_id, **({"campaign": mail.campaign} if mail.campaign else {})}
        bodies = (("Text", mail.text), ("Html", mail.html))
        return {
            "FromEmailAddress": _address(mail.from_name, mail.from_email),
            "Destination": {"ToAddresses": [_address(mail.to_name, mail.to_email)]},
            **({"ReplyToAddresses": [_address("", mail.reply_to)]} if mail.reply_to else {}),
            "Content": {
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {name: {"Data": body, "Charset": "UTF-8"} for name, body in bodies if body},
                    **({"Headers": [{"Name": n, "Value": v} for n, v in mail.headers.items()]} if mail.headers else {}),
                }
            },
            "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
            "ConfigurationSetName": self.settings.configuration_set,
        }

    def quota(self) -> Quota:
        quota = part(self._account(), "SendQuota")
        rate, day, sent = (quota.get(n) for n in ("MaxSendRate", "Max24HourSend", "SentLast24Hours"))
        if not isinstance(rate, int | float) or rate <= 0:
            raise Later("SES did not tell a sending rate.")
        # Minus one, in its words, is no limit of a day.
        a_day = f"{day:,.0f}" if isinstance(day, int | float) and day >= 0 else "any number"
        went = f"{sent:,.0f}" if isinstance(sent, int | float) else "?"
        return Quota(float(rate), f"{rate:g} mails a second, {a_day} a day, {went} in the last 24 hours")

    def _account(self) -> dict[str, Any]:
        account = looked_up(self._ask("GET", "/v2/email/account"))
        if not isinstance(account, dict):
            raise Later("SES answered something else than an account.")
        return account

    def check(self) -> str:
        account = self._account()
        if account.get("SendingEnabled") is False:
            raise Misconfigured("AWS has paused sending for this account in this region.")
        quota = part(account, "SendQuota")
        sentence = f"SES knows this key: {quota.get('MaxSendRate', '?')} mails a second, "
        sentence += f"{quota.get('Max24HourSend', '?')} a day."
        if account.get("ProductionAccessEnabled") is False:
            sentence += " The account is in the sandbox: mails go to verified addresses only."
        return sentence + self._about_events()

    def _about_events(self) -> str:
        name = self.settings.configuration_set
        answer = self._ask("GET", f"/v2/email/configuration-sets/{name}/event-destinations")
        if answer.status == 404:
            raise Misconfigured(f"There is no configuration set {name} in this region.")
        if answer.status == 403:
            return " It may not read the configuration set, so its events were not checked."
        said = looked_up(answer)
        found = said.get("EventDestinations") if isinstance(said, dict) else None
        ours = [d for d in found or [] if isinstance(d, dict) and d.get("Enabled") and d.get("SnsDestination")]
        told_of = {kind for d in ours for kind in d.get("MatchingEventTypes") or []}
        if not self.settings.topic_arn or not told_of:
            return " Its events are refused until the configuration set publishes to a topic whose ARN is here."
        if self.settings.topic_arn not in {part(d, "SnsDestination").get("TopicArn") for d in ours}:
            return f" The configuration set {name} publishes to another topic than the one here."
        if told_of & TRACKING:
            return " Untick opens and clicks in the event destination: SES rewrites your links because of them."
        missing = {"SEND", "BOUNCE", "COMPLAINT", "DELIVERY"} - told_of
        return f" Tick these events too: {', '.join(sorted(missing)).lower()}." if missing else ""

    def _ask(self, method: str, path: str, content: bytes = b"") -> Answer:
        settings = self.settings
        suffix = ".cn" if settings.region.startswith("cn-") else ""
        url = (settings.base_url or f"https://email.{settings.region}.amazonaws.com{suffix}").rstrip("/") + path
        signer = Signer(settings.access_key_id, settings.secret_access_key.get_secret_value(), settings.region, "ses")
        given = {"content_type": "application/json"} if content else {}
        # AWS holds the time against its own clock, so a demo's shifted one would not do.
        headers = signer.headers(method, url, content, real_time(), **given)
        return ask(self.http, method, url, headers=headers, content=content or None)

    def topic_in(self, body: Any) -> str:
        said = body if isinstance(body, dict) else {}
        if said.get("Type") in (None, NOTIFICATION):
            if words(said.get("Message")).startswith(_WELCOME):
                return "Welcome"
            told_of = _message(said)
            kind = told_of.get("eventType") or told_of.get("notificationType")
            if not isinstance(kind, str) or not kind:
                raise Unreadable("eventType is missing in Message; SES says there what happened.")
            return kind[:128]
        return words(said["Type"])[:128]

    def open(self, request: Request, now: datetime) -> Envelope:
        said = self.topic.open(request.body, now)
        topic = self.topic_in(said)
        if topic == CONFIRMATION:
            self.topic.confirm(said)
        return Envelope(said["MessageId"], topic, request.body, instant(said["Timestamp"], "Timestamp"))

    def translate(self, envelope: Envelope) -> list[Change]:
        body = read_json(envelope.body)
        if not isinstance(body, dict):
            raise Unreadable("A delivery of SNS should be an object.")
        if envelope.topic not in EVENTS:
            return []
        said = _message(body)
        event, name, _ = EVENTS[envelope.topic]
        about, mail = part(said, name), part(said, "mail")
        event, reason, is_policy, is_suppressed = _what(event, about)
        if not event:
            return []
        when = about.get("timestamp") or mail.get("timestamp")
        at = envelope.triggered_at if when is None and envelope.triggered_at else instant(when, f"{name}.timestamp")
        ours = part(mail, "tags").get("message_id")
        return [
            told(
                event=event,
                message_id=our_id(ours[0] if isinstance(ours, list) and ours else None),
                provider_id=words(mail.get("messageId")) or None,
                email=email,
                at=at,
                external_id=f"{envelope.delivery_id}:{n}" if n else envelope.delivery_id,
                reason=reason,
                is_policy=is_policy,
                is_suppressed=is_suppressed,
                url=words(about.get("link")),
                agent=words(about.get("userAgent")) if event in {"open", "click"} else "",
                ip=words(about.get("ipAddress")),
            )
            for n, email in enumerate(_recipients(envelope.topic, about, mail))
        ]


def _address(name: str, email: str) -> str:
    """An address in ASCII: the name as encoded words (RFC 2047), the domain by IDNA. Raises Refused where none is."""
    local, _, domain = email.rpartition("@")
    try:
        return formataddr((name, f"{local}@{domain.encode('idna').decode()}"))
    except UnicodeError as error:
        raise Refused("SES takes no address with such letters before the @.", code="address") from error


def _failed(answer: Answer) -> SendError:
    said = answer.error()
    name = answer.headers.get("x-amzn-errortype", "") or words(said.get("__type")).rpartition("#")[2]
    name, message = name.partition(":")[0].strip(), words(said.get("message")) or words(said.get("Message"))
    by_status = verdict(answer, f"{name}: {message}" if name else message, name)
    assert by_status is not None
    kind = ERRORS.get(name)
    # A name counts only beside the status of a refusal: what a 5xx says of itself proves nothing.
    if kind is None or not 400 <= answer.status < 500:
        return by_status
    if kind is Later:
        after = LONGEST_WAIT if "daily" in message.lower() else getattr(by_status, "after", None)
        return Later(str(by_status), after=after or timedelta(seconds=1), code=name)
    if kind is Refused and "not verified" in message.lower():
        kind = Misconfigured  # the sender; or the recipient, while the account is in the sandbox
    return kind(str(by_status), code=name)


def _message(said: dict[str, Any]) -> dict[str, Any]:
    """What SES gave SNS to deliver."""
    text = said.get("Message")
    if not isinstance(text, str):
        raise Unreadable("Message should be a text with JSON in it.")
    try:
        found = read_json(text.encode())
    except (Unreadable, UnicodeError) as error:
        raise Unreadable(f"Message: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable("Message should hold an object.")
    return found


def _what(event: str, about: dict[str, Any]) -> tuple[str, str, bool, bool]:
    """Our word or nothing, the reason, whether it is about the sender, whether SES no longer mails the address."""
    if event == "hard_bounce":
        return _bounce(about)
    if event == "complaint":
        subtype, kind = words(about.get("complaintSubType")), words(about.get("complaintFeedbackType"))
        if subtype in SUPPRESSED:
            return "rejected", subtype, False, True
        return "" if kind in NO_COMPLAINT else event, kind, False, False
    if event == "unsubscribe":
        is_all = part(about, "newTopicPreferences").get("unsubscribeAll") is True
        return event if is_all else "", words(about.get("source")), False, False
    reason = words(about.get("reason")) or words(about.get("errorMessage"))
    return event, reason or _diagnosis("delayType", "delayedRecipients", about), False, False


def _bounce(about: dict[str, Any]) -> tuple[str, str, bool, bool]:
    kind, subtype = words(about.get("bounceType")), words(about.get("bounceSubType"))
    reason = _diagnosis("bounceSubType", "bouncedRecipients", about)
    if subtype in SUPPRESSED:
        return "rejected", reason, False, True
    found = bounces.read(BOUNCES.get(kind, "soft_bounce"), reason, is_policy=subtype in POLICY)
    return found.event, reason, found.is_policy, False


def _diagnosis(kind: str, recipients: str, about: dict[str, Any]) -> str:
    listed = about.get(recipients)
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    told_of = (words(about.get(kind)), words(first.get("diagnosticCode")), words(first.get("status")))
    return ": ".join(t for t in told_of if t)


def _recipients(topic: str, about: dict[str, Any], mail: dict[str, Any]) -> list[str | None]:
    listed = about.get(EVENTS[topic][2]) or mail.get("destination")
    people = listed if isinstance(listed, list) else []
    found = [words(r.get("emailAddress") if isinstance(r, dict) else r) for r in people]
    return [email.rpartition("<")[2].rstrip("> ") for email in found if email] or [None]
