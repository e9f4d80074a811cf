"""What a moment of a customer's timeline or of a mail's journey is called, and how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automation.reasons import OUTCOMES, day_and_time, reason, verdict
from webapp.queries.mailbox import Leg, MailDetail
from webapp.queries.timeline import Moment
from webapp.words import money

TONES = ("primary", "green", "yellow", "red", "secondary")
"""Names of the colours that an icon may have."""


@dataclass(frozen=True, slots=True)
class Told:
    """A moment in words."""

    at: datetime
    icon: str
    tone: str
    title: str
    detail: str = ""
    message_id: str | None = None
    campaign_id: str | None = None
    campaign: str = ""


_EVENTS: dict[str, tuple[str, str]] = {
    "product.viewed": ("eye", "Looked at a product"),
    "page.viewed": ("eye", "Looked at a page"),
    "searched": ("search", "Searched"),
    "product.searched": ("search", "Searched"),
    "review.left": ("star", "Left a review"),
    "support.contacted": ("message", "Contacted support"),
    "customer.merged": ("users", "Was merged with another customer"),
}
_STATES: dict[str, tuple[str, str, str]] = {
    "draft": ("pencil", "secondary", "waits for the arbiter"),
    "ready": ("clock", "secondary", "is ready to go"),
    "claimed": ("clock", "secondary", "is being sent"),
    "submitting": ("clock", "secondary", "is being sent"),
    "accepted": ("send", "green", "sent"),
    "delivered": ("send", "green", "sent"),
    "bounced": ("mail-x", "red", "bounced"),
    "complained": ("alert-triangle", "red", "was called spam"),
    "retry": ("clock", "yellow", "is tried again"),
    "rejected": ("mail-x", "red", "was refused by the provider"),
    "unknown": ("help-circle", "yellow", "may have been sent: no answer came"),
    "dropped": ("ban", "secondary", "was not sent"),
    "parked": ("alert-triangle", "red", "is parked"),
}
_RESPONSES: dict[str, tuple[str, str, str]] = {
    "accepted": ("send", "green", "Taken by the provider"),
    "delivered": ("inbox", "green", "Delivered"),
    "deferred": ("clock", "yellow", "Delayed on its way"),
    "soft_bounce": ("mail-x", "yellow", "Bounced for now"),
    "hard_bounce": ("mail-x", "red", "Bounced for good"),
    "rejected": ("mail-x", "red", "Refused by the provider"),
    "complaint": ("alert-triangle", "red", "Called spam"),
    "open": ("mail-opened", "primary", "Opened"),
    "click": ("click", "primary", "Clicked"),
    "unsubscribe": ("user-minus", "yellow", "Unsubscribed"),
    "resubscribe": ("user-check", "green", "Subscribed again"),
}
_DECISIONS = {"go": ("check", "green"), "defer": ("hourglass", "yellow"), "drop": ("ban", "red")}
_CONSENTS = {
    "granted": ("user-check", "green", "Agreed to {topic}"),
    "withdrawn": ("user-minus", "red", "Withdrew from {topic}"),
    "pending": ("clock", "yellow", "Has yet to confirm {topic}"),
}
_CARTS = {
    "open": ("shopping-cart", "yellow", "Left a cart"),
    "ordered": ("shopping-cart", "green", "Cart was ordered"),
    "emptied": ("shopping-cart", "secondary", "Emptied a cart"),
}
_SOURCES = {
    "form": "a form",
    "import": "an import",
    "platform": "the shop",
    "api": "the API",
    "unsubscribe": "an unsubscribe link",
    "complaint": "a spam complaint",
    "admin": "an admin",
    "demo": "the demo shop",
}


def source_words(source: str) -> str:
    """Where a consent came from, in words."""
    return _SOURCES.get(source, source.replace("_", " "))


def tell(moment: Moment, timezone: str) -> Told:
    """A moment of a customer's timeline in words; times are told in `timezone`."""
    icon, tone, title, detail = _TELLERS[moment.kind](moment, timezone)
    return Told(
        moment.at, icon, tone, title, detail, moment.message_id, moment.campaign_id, moment.campaign
    )  # fmt: skip


def _event(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    words = moment.what.replace(".", " ").replace("_", " ").capitalize()
    icon, title = _EVENTS.get(moment.what, ("circle", words))
    return icon, "secondary", title, _about(moment.facts)


def _about(properties: Mapping[str, Any]) -> str:
    for name in ("title", "product_title", "name", "query", "subject", "url"):
        value = properties.get(name)
        if isinstance(value, str) and value:
            return value[:200]
    shown = [f"{k.replace('_', ' ')}: {v}" for k, v in properties.items() if isinstance(v, str | int | float)]
    return ", ".join(shown[:3])[:200]


def _order(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    facts = moment.facts
    parts = [money(facts["total"], facts["currency"])]
    if facts["refunded"]:
        parts.append(f"{money(facts['refunded'], facts['currency'])} refunded")
    for name, words in (("fulfilled_at", "shipped"), ("delivered_at", "delivered"), ("cancelled_at", "cancelled")):
        if facts[name]:
            parts.append(f"{words} {day_and_time(facts[name], timezone)}")
    number = facts["number"] if str(facts["number"]).startswith("#") else f"#{facts['number']}"
    if moment.what == "cancelled":
        return "receipt", "red", f"Order {number} (cancelled)", " · ".join(parts)
    return "receipt", "green", f"Ordered {number}", " · ".join(parts)


def _cart(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    icon, tone, title = _CARTS[moment.what]
    facts = moment.facts
    if facts["is_checkout"] and moment.what == "open":
        title = "Left a checkout"
    if moment.what == "emptied":
        return icon, tone, title, ""
    pieces = f"{facts['pieces']} {'piece' if facts['pieces'] == 1 else 'pieces'}"
    first = f"{facts['first']} · " if facts["first"] else ""
    return icon, tone, title, f"{first}{pieces} · {money(facts['total'], facts['currency'])}"


def _mail(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    icon, tone, words = _STATES[moment.what]
    test = "Test mail" if moment.facts["is_test"] else "Mail"
    told = "" if moment.facts["is_sent"] else moment.facts["reason"]
    return icon, tone, f"{test} “{moment.mail}” {words}", _sentence(reason(told)) if told else ""


def _response(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    icon, tone, words = _RESPONSES.get(moment.what, ("circle", "secondary", moment.what.replace("_", " ").capitalize()))
    parts = [moment.facts["url"], moment.facts["reason"]]
    if moment.facts["is_machine"]:
        parts.append("by a machine, not counted")
    return icon, tone, f"{words}: “{moment.mail}”", " · ".join(p for p in parts if p)


def _decision(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    icon, tone = _DECISIONS.get(moment.what, ("adjustments", "secondary"))
    facts = moment.facts
    words = verdict(moment.what, facts["reason"], facts["facts"], facts["until"], timezone)
    return icon, tone, f"Decision on “{moment.mail}”", words


def _journey(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    if moment.what == "entered":
        return "login", "primary", f"Entered “{moment.campaign}”", ""
    words = "Finished" if moment.what == "finished" else "Left"
    return "logout", "secondary", f"{words} “{moment.campaign}”", _sentence(moment.facts["reason"])


def _consent(moment: Moment, timezone: str) -> tuple[str, str, str, str]:
    del timezone
    icon, tone, words = _CONSENTS[moment.what]
    detail = f"by {source_words(moment.facts['source'])}"
    more = moment.facts["detail"]
    return icon, tone, words.format(topic=moment.facts["topic"]), f"{detail}: {more}" if more else detail


_TELLERS = {
    "event": _event,
    "order": _order,
    "cart": _cart,
    "mail": _mail,
    "response": _response,
    "decision": _decision,
    "journey": _journey,
    "consent": _consent,
}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""


def tell_leg(leg: Leg, mail: MailDetail) -> Told:
    """A stretch of a mail's journey in words."""
    if leg.kind == "draft":
        by = f"by “{mail.campaign}”" if mail.campaign else "without a campaign"
        return Told(leg.at, "pencil", "secondary", "Drafted", f"{by}, as a {mail.mail_class} mail about {mail.topic}")
    if leg.kind == "decision":
        icon, tone = _DECISIONS.get(leg.what, ("adjustments", "secondary"))
        words = verdict(leg.what, leg.reason, leg.facts, leg.until, mail.timezone)
        title = OUTCOMES.get(leg.what, leg.what.capitalize())
        return Told(leg.at, icon, tone, title, _sentence(words.partition(": ")[2]))
    if leg.kind == "rendered":
        return Told(leg.at, "file-text", "secondary", "Claimed and rendered", "its variables and its hash are kept")
    if leg.kind == "attempt":
        return _attempt(leg, mail)
    if leg.kind == "accepted":
        detail = f"{mail.provider} knows it as {mail.provider_id}" if mail.provider_id else mail.provider
        return Told(leg.at, "send", "green", "Accepted", detail)
    icon, tone, words = _RESPONSES.get(leg.what, ("circle", "secondary", leg.what.replace("_", " ").capitalize()))
    parts = [leg.url, leg.reason, "by a machine, not counted" if leg.is_machine else ""]
    return Told(leg.at, icon, tone, words, " · ".join(p for p in parts if p))


def _attempt(leg: Leg, mail: MailDetail) -> Told:
    facts = leg.facts or {}
    parts = [f"to {mail.provider}" if mail.provider else ""]
    if facts.get("mails", 1) > 1:
        parts.append(f"together with {facts['mails'] - 1} others")
    if facts.get("number", 1) > 1:
        parts.append(f"attempt {facts['number']}")
    if leg.what not in ("open", "accepted", "partial"):
        parts.append(reason(leg.what))
    if leg.reason:
        parts.append(leg.reason)
    tone = "red" if leg.what in ("refused", "misconfigured") else "primary"
    return Told(leg.at, "upload", tone, "Submitted", ", ".join(p for p in parts if p))
