"""Reasons in words: each code that the machine keeps, as a sentence with the facts it saw.

Pages and the command line both say it from here, so that a reason reads the same wherever it is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

SENTENCES: dict[str, tuple[str, ...]] = {
    # What the arbiter says of a draft. The fullest sentence first; one whose facts are missing gives way to the next.
    "go": ("nothing speaks against it",),
    "no_address": ("the customer has no mail address",),
    "suppressed": ("the address must not be mailed ({suppression})", "the address must not be mailed"),
    "no_consent": (
        "no consent to {topic} ({consent} since {since})",
        "no consent to {topic} ({consent})",
        "the customer has not agreed to the topic",
    ),
    "quiet_hours": (
        "it is {local_time} there, and mails rest from {from} to {until} ({timezone})",
        "it is night where the customer lives",
    ),
    "paused": ("the customer asked for a rest until {paused_until}", "the customer asked for a rest from mails"),
    "own_limit": (
        "the customer wants at most {most} mails a week and has had {count}",
        "the customer has had as many mails this week as they want",
    ),
    "own_month": (
        "the customer wants at most {most} mails a month and has had {count}",
        "the customer has had as many mails this month as they want",
    ),
    "weekly_limit": (
        "the customer has had {count} mails this week ({timezone}), and {most} is the most",
        "the customer has had as many mails this week as may be",
    ),
    "daily_limit": (
        "the customer has had {count} mails today ({timezone}), and {most} is the most",
        "the customer has had as many mails today as may be",
    ),
    "gap": (
        "another mail went on {last_at}, and there is at most one in {gap_hours} hours",
        "the customer had another mail a short while ago",
    ),
    "warm_up": (
        "the connection is warmed up, and {mailbox} gets {most} mails on {day}: those places are taken",
        "the connection is warmed up, and this day's places are taken",
    ),
    "stronger_first": (
        "a more important mail ({ahead}) goes first, and there is at most one in {gap_hours} hours",
        "a more important mail goes first, and there is at most one in {gap_hours} hours",
        "a more important mail to the customer goes first",
    ),
    "no_longer_true": ("it no longer holds that {condition}", "what the mail is about has changed"),
    "expired": (
        "it could not go before {expires_at}, kept back by {kept_by}",
        "it was not worth sending after {expires_at}",
        "it was put off for too long to be worth sending",
    ),
    "campaign_stopped": ("its campaign was stopped",),
    "erased": ("the customer was erased",),
    # What became of a request to a provider.
    "accepted": ("the provider took it",),
    "partial": ("the provider took some of the mails",),
    "refused": ("the provider will not take it",),
    "refused_by_provider": ("the provider took it and then refused it",),
    "suppressed_by_provider": ("the provider's own list says that the address must not be mailed",),
    "later": ("the provider cannot take it now, and it is tried again",),
    "misconfigured": ("the provider does not accept the connection's settings",),
    "unsure": ("the request left and no answer came",),
    "no_answer": ("the request left and no answer came",),
    "not_found": ("the provider has not heard of it, so it is sent again",),
    "retries_exhausted": ("the provider could not take it, however often it was tried",),
    "abandoned": ("the request was given up",),
    # What the machine says of itself.
    "address_changed": ("the customer has another address since its first attempt",),
    "template_broken": ("the mail cannot be rendered",),
    "payload_changed": ("it would not be the same mail as at the first attempt",),
    "worker_died": ("the process that held it ended without a word",),
    "poison": ("three processes ended while they held it, and a person has to look at it",),
    "possible_duplicate": ("no answer came, so it was sent once more: it may have arrived twice",),
    "unresolved": ("it may have arrived: the provider never said, and it is not sent again",),
    "test": ("somebody sent it as a test",),
    "by_hand": ("somebody parked it",),
    "resent": ("somebody sent it again",),
    # What came back about it.
    "hard_bounce": ("the address does not exist",),
    "soft_bounce": ("the mailbox could not take it",),
    "complaint": ("the recipient called it spam",),
}
"""Sentence templates by code, without a capital and a full stop, so that they can stand inside another."""

SUPPRESSIONS: dict[str, str] = {
    "hard_bounce": "a mail to it bounced for good",
    "soft_bounces": "mails to it bounced again and again",
    "complaint": "its owner called a mail spam",
    "provider": "the provider's list names it",
    "manual": "an admin put it on the list",
    "erased": "its owner was erased",
}
"""Why an address must not be mailed, in words."""

OUTCOMES: dict[str, str] = {"go": "Goes out", "defer": "Not now", "drop": "Not sent"}
"""What the arbiter decided, in words."""

_SHORT = {
    "quiet_hours": "the quiet hours",
    "paused": "the customer's wish for a rest",
    "own_limit": "the customer's own limit",
    "own_month": "the customer's own limit of a month",
    "weekly_limit": "the limit of a week",
    "daily_limit": "the limit of a day",
    "gap": "the gap between mails",
    "stronger_first": "a more important mail",
    "warm_up": "the warm-up of the connection",
}
_INSTANTS = ("since", "last_at", "expires_at", "paused_until")
_OWN = frozenset({*_INSTANTS, "local_time", "timezone", "count", "ahead", "kept_by", "mailbox", "day"})


def zone(name: str | None) -> ZoneInfo:
    """A zone by name; UTC for one that is not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def day_and_time(at: datetime, timezone: str | None) -> str:
    """An instant on the wall of a zone: "Tue 10 Mar 08:00"."""
    local = at.astimezone(zone(timezone))
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def reason(code: str, facts: Mapping[str, Any] | None = None, timezone: str | None = None) -> str:
    """A reason's code as part of a sentence; a code that is not known is read out as it is."""
    known = _readable(facts or {}, timezone)
    for template in SENTENCES.get(code, ()):
        try:
            return template.format_map(known)
        except KeyError:
            continue
    return code.replace("_", " ") or "no reason was kept"


def kind_of_reason(code: str, facts: Mapping[str, Any] | None = None) -> str:
    """A reason without what differs from customer to customer, for counting those whom the same befell."""
    return reason(code, {name: value for name, value in (facts or {}).items() if name not in _OWN})


def verdict(
    outcome: str,
    code: str,
    facts: Mapping[str, Any] | None = None,
    until: datetime | None = None,
    timezone: str | None = None,
) -> str:
    """A decision as a sentence; `until` is told in `timezone`, the customer's."""
    text = f"{OUTCOMES.get(outcome, outcome.capitalize())}: {reason(code, facts, timezone)}"
    if outcome == "defer" and until is not None:
        text += f"; put off until {day_and_time(until, timezone)}"
        if also := (facts or {}).get("also"):
            text += f", past {' and '.join(_SHORT.get(c, str(c)) for c in also)} as well"
    return f"{text}."


def _readable(facts: Mapping[str, Any], timezone: str | None) -> dict[str, Any]:
    known = {name: value for name, value in facts.items() if value is not None}
    for name in _INSTANTS:
        if isinstance(known.get(name), str):
            try:
                known[name] = day_and_time(datetime.fromisoformat(known[name]), timezone)
            except ValueError:
                del known[name]
    if isinstance(known.get("gap_hours"), float):
        known["gap_hours"] = f"{known['gap_hours']:g}"
    if "suppression" in known:
        known["suppression"] = SUPPRESSIONS.get(known["suppression"], known["suppression"])
    if isinstance(ahead := known.get("ahead"), Mapping):
        known["ahead"] = f"{ahead.get('mail_class')}, priority {ahead.get('priority')}"
    if "kept_by" in known:
        known["kept_by"] = _SHORT.get(known["kept_by"], str(known["kept_by"]).replace("_", " "))
    return known
