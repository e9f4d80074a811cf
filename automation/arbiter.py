"""The arbiter: whether a drafted mail goes, waits or is dropped. Pure: facts in, verdict out.

Each verdict names its reason by a code and carries the facts that it rests on; `automation.reasons` puts them
into sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from automation.policy import Policy
from automation.times import DAY, instant, local_date, zone

CAPPED = frozenset({"lifecycle", "promotional"})
"""Classes that keep the gap between them."""

REASONS: dict[str, str] = {
    "go": "nothing speaks against it",
    "no_address": "the customer has no mail address",
    "suppressed": "the address must not be mailed",
    "no_consent": "the customer has not agreed to the topic",
    "quiet_hours": "it is night where the customer lives",
    "gap": "the customer had another mail a short while ago",
    "stronger_first": "a more important mail to the customer goes first",
    "no_longer_true": "what the mail is about has changed",
    "expired": "it was put off for too long to be worth sending",
    "campaign_stopped": "its campaign was stopped",
    "erased": "the customer was erased",
}
"""Every code that `decide` can give, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the arbiter knows of the mail itself."""

    message_id: int
    customer_id: int
    mail_class: str
    topic: str
    priority: int
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the arbiter knows of the customer and the campaign, at one instant."""

    email_key: str | None
    is_erased: bool = False
    suppression: str | None = None
    """Its reason, when the address is suppressed."""
    consent: str | None = None
    """granted, pending, withdrawn, or None for never asked."""
    consent_at: datetime | None = None
    timezone: str = "UTC"
    last_capped_at: datetime | None = None
    """When the last mail of a capped class went, or was made ready to go."""
    failing: str | None = None
    """The first of the trigger's conditions that no longer holds."""
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """go, defer until, or drop."""

    outcome: Literal["go", "defer", "drop"]
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None


def decide(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict:
    """The verdict on one draft at `now`.

    In order: the customer may be mailed at all, has agreed, is awake, has not just been mailed, and what the mail
    says is still true. A mail that would have to wait beyond its expiry is dropped, with what kept it waiting.
    """
    refusal = _refusal(draft, facts)
    if refusal is not None:
        return refusal
    if draft.expires_at is not None and now >= draft.expires_at:
        return Verdict("drop", "expired", {"expires_at": _text(draft.expires_at)})
    wait = _quiet(draft, facts, policy, now) or _gap(draft, facts, policy, now)
    if facts.failing is not None:
        return Verdict("drop", "no_longer_true", {"condition": facts.failing})
    if wait is None:
        return Verdict("go", "go", {"consent": facts.consent, "timezone": facts.timezone})
    assert wait.until is not None
    if draft.expires_at is not None and wait.until >= draft.expires_at:
        return Verdict("drop", "expired", {**wait.facts, "expires_at": _text(draft.expires_at), "kept_by": wait.reason})
    return wait


def _refusal(draft: Draft, facts: Facts) -> Verdict | None:
    if facts.is_erased:
        return Verdict("drop", "erased")
    if facts.is_stopped:
        return Verdict("drop", "campaign_stopped")
    if facts.email_key is None:
        return Verdict("drop", "no_address")
    if facts.suppression is not None:
        return Verdict("drop", "suppressed", {"suppression": facts.suppression})
    if draft.mail_class != "transactional" and facts.consent != "granted":
        seen = {"topic": draft.topic, "consent": facts.consent or "never asked"}
        if facts.consent_at is not None:
            seen["since"] = _text(facts.consent_at)
        return Verdict("drop", "no_consent", seen)
    return None


def _quiet(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict | None:
    if draft.mail_class == "transactional":
        return None
    until = end_of_quiet(policy, facts.timezone, now)
    if until is None:
        return None
    seen = {
        "timezone": facts.timezone,
        "from": policy.quiet_from.strftime("%H:%M"),
        "until": policy.quiet_until.strftime("%H:%M"),
        "local_time": now.astimezone(zone(facts.timezone)).strftime("%H:%M"),
    }
    return Verdict("defer", "quiet_hours", seen, until)


def _gap(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict | None:
    if draft.mail_class not in CAPPED or facts.last_capped_at is None:
        return None
    until = facts.last_capped_at + policy.gap
    if until <= now:
        return None
    reason = "stronger_first" if facts.last_capped_at == now else "gap"
    return Verdict("defer", reason, {"last_at": _text(facts.last_capped_at), "gap_hours": policy.gap_hours}, until)


def end_of_quiet(policy: Policy, timezone: str, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in are over, or None outside of them.

    Nights are spans between instants, by the rules of `automation.times`: an hour that comes twice in the morning
    ends the night the first time.
    """
    start, end = policy.quiet_from, policy.quiet_until
    if start == end:
        return None
    where = zone(timezone)
    night = local_date(now, where) - DAY
    until = None
    # Tonight, last night, and the one after, for a morning so short that the change of clocks swallowed it.
    for on in (night, night + DAY, night + DAY + DAY):
        begins, ends = instant(on, start, where), instant(on + DAY if start > end else on, end, where)
        if begins <= (until or now) < ends:
            until = ends
    return until


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
