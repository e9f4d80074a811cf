"""The arbiter: whether a drafted mail goes, waits or is dropped. Pure: facts in, verdict out.

Each verdict names its reason by a code and carries the facts that it rests on; `automation.reasons` puts them
into sentences. Which of a customer's drafts is asked about first is `order`'s to say: the first that may go takes the
place, and the others are told so in their facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from automation.policy import CAPPED, Policy
from automation.times import DAY, MIDNIGHT, day_span, instant, local_date, zone

__all__ = [
    "CAPPED",
    "REASONS",
    "Ahead",
    "Draft",
    "Facts",
    "Verdict",
    "decide",
    "end_of_quiet",
    "order",
    "start_of_quiet",
]

REASONS: dict[str, str] = {
    "go": "nothing speaks against it",
    "no_address": "the customer has no mail address",
    "suppressed": "the address must not be mailed",
    "no_consent": "the customer has not agreed to the topic",
    "quiet_hours": "it is night where the customer lives",
    "paused": "the customer wants a rest from mails",
    "own_limit": "the customer had as many mails this week as they want",
    "own_month": "the customer had as many mails this month as they want",
    "weekly_limit": "the customer had as many mails this week as may be",
    "daily_limit": "the customer had as many mails today as may be",
    "gap": "the customer had another mail a short while ago",
    "stronger_first": "a more important mail to the customer goes first",
    "no_longer_true": "what the mail is about has changed",
    "expired": "it was put off for too long to be worth sending",
    "campaign_stopped": "its campaign was stopped",
    "erased": "the customer was erased",
}
"""Every code that `decide` can give, in a few words."""

_RANKS = {"transactional": 0, "reminder": 1, "lifecycle": 2, "promotional": 3}


class Draft(NamedTuple):
    """What the arbiter knows of the mail itself."""

    message_id: int
    customer_id: int
    mail_class: str
    topic: str
    priority: int
    created_at: datetime | None = None
    """Matters to `order` alone."""
    expires_at: datetime | None = None


class Ahead(NamedTuple):
    """The mail that took the place."""

    message_id: int
    mail_class: str
    priority: int


class Facts(NamedTuple):
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
    ahead: Ahead | None = None
    """Set when that mail was chosen just now, before this one."""
    today: int = 0
    """Mails of the limited classes since midnight where the customer lives, those about to go among them."""
    this_week: int = 0
    """The same since Monday."""
    this_month: int = 0
    """The same since the first of the month; counted only where `own_month` is set."""
    paused_until: datetime | None = None
    """The customer wants no capped mail before."""
    own_limit: int | None = None
    """Most capped mails that the customer wants in a week."""
    own_month: int | None = None
    """Most capped mails that the customer wants in a calendar month."""
    failing: str | None = None
    """The first of the trigger's conditions, or of what else the mail relies on, that no longer holds."""
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """go, defer until, or drop."""

    outcome: Literal["go", "defer", "drop"]
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    """Of a mail that is put off: the first instant at which nothing that is known now keeps it back."""
    stale_at: datetime | None = None
    """Of a mail that may go: from this instant on it has to be asked about again before it leaves."""


def order(draft: Draft) -> tuple[int, int, datetime, int]:
    """Sorts a customer's drafts, the most important first: class, then priority, then the one drafted first."""
    assert draft.created_at is not None
    return _RANKS[draft.mail_class], -draft.priority, draft.created_at, draft.message_id


def decide(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict:
    """The verdict on one draft at `now`.

    In order: the customer may be mailed at all, has agreed, what the mail says is still true, the customer is awake,
    has not asked for a rest, has not had too many mails or one just now. A mail that would have to wait beyond its
    expiry is dropped, with what kept it waiting.
    """
    refusal = _refusal(draft, facts)
    if refusal is not None:
        return refusal
    if draft.expires_at is not None and now >= draft.expires_at:
        return Verdict("drop", "expired", {"expires_at": _text(draft.expires_at)})
    if facts.failing is not None:
        return Verdict("drop", "no_longer_true", {"condition": facts.failing})
    wait = _wait(draft, facts, policy, now)
    if wait is None:
        return _go(draft, facts, policy, now)
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


def _go(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict:
    seen: dict[str, Any] = {"consent": facts.consent, "timezone": facts.timezone}
    if facts.this_week and draft.mail_class in policy.limited:
        seen |= {"today": facts.today, "this_week": facts.this_week}
    stale_at = now + policy.recheck
    night = None if draft.mail_class == "transactional" else start_of_quiet(policy, facts.timezone, now)
    return Verdict("go", "go", seen, stale_at=min(stale_at, night) if night else stale_at)


def _wait(draft: Draft, facts: Facts, policy: Policy, now: datetime) -> Verdict | None:
    """What keeps the mail back now, and until when that and all that follows on it does.

    The gap may end at night and the night in a day that is full: `until` is past all of them, and the codes of the
    others stand in the facts as `also`.
    """
    found: list[Verdict] = []
    at = now
    while True:
        obstacle = next(_obstacles(draft, facts, policy, at, now), None)
        if obstacle is None:
            break
        found.append(obstacle)
        assert obstacle.until is not None
        assert obstacle.until > at, obstacle
        at = obstacle.until
    if not found:
        return None
    first = found[0]
    also = list(dict.fromkeys(v.reason for v in found[1:] if v.reason != first.reason))
    return Verdict("defer", first.reason, {**first.facts, "also": also} if also else first.facts, at)


def _obstacles(draft: Draft, facts: Facts, policy: Policy, at: datetime, now: datetime) -> Iterator[Verdict]:
    """What keeps the mail back at `at`, by what is known at `now`; each ends later than `at`."""
    if draft.mail_class == "transactional":
        return
    until = end_of_quiet(policy, facts.timezone, at)
    if until is not None:
        night = {
            "timezone": facts.timezone,
            "from": policy.quiet_from.strftime("%H:%M"),
            "until": policy.quiet_until.strftime("%H:%M"),
            "local_time": at.astimezone(zone(facts.timezone)).strftime("%H:%M"),
        }
        yield Verdict("defer", "quiet_hours", night, until)
    yield from _limits(draft, facts, policy, at, now)
    if draft.mail_class not in CAPPED:
        return
    if facts.paused_until is not None and at < facts.paused_until:
        yield Verdict("defer", "paused", {"paused_until": _text(facts.paused_until)}, facts.paused_until)
    if facts.last_capped_at is not None and (until := facts.last_capped_at + policy.gap) > at:
        seen: dict[str, Any] = {"last_at": _text(facts.last_capped_at), "gap_hours": policy.gap_hours}
        if facts.ahead is None:
            yield Verdict("defer", "gap", seen, until)
        else:
            yield Verdict("defer", "stronger_first", seen | {"ahead": facts.ahead._asdict()}, until)


def _limits(draft: Draft, facts: Facts, policy: Policy, at: datetime, now: datetime) -> Iterator[Verdict]:
    """Limits by the day and the week where the customer lives; a mail counts only in those that `now` lies in."""
    limited, capped = draft.mail_class in policy.limited, draft.mail_class in CAPPED
    if not (facts.this_week or facts.today or facts.this_month) or not (limited or capped):
        return
    where = zone(facts.timezone)
    today = local_date(now, where)
    week_ends = instant(today + timedelta(days=7 - today.weekday()), MIDNIGHT, where)
    seen = {"timezone": facts.timezone}
    if capped and facts.own_month is not None and facts.this_month >= facts.own_month:
        month_ends = instant((today.replace(day=1) + timedelta(days=31)).replace(day=1), MIDNIGHT, where)
        if at < month_ends:
            yield Verdict(
                "defer", "own_month", {**seen, "count": facts.this_month, "most": facts.own_month}, month_ends
            )
    if capped and facts.own_limit is not None and facts.this_week >= facts.own_limit and at < week_ends:
        yield Verdict("defer", "own_limit", {**seen, "count": facts.this_week, "most": facts.own_limit}, week_ends)
    most = policy.most_per_week
    if limited and most and facts.this_week >= most and at < week_ends:
        yield Verdict("defer", "weekly_limit", {**seen, "count": facts.this_week, "most": most}, week_ends)
    most, day_ends = policy.most_per_day, day_span(today, where)[1]
    if limited and most and facts.today >= most and at < day_ends:
        yield Verdict("defer", "daily_limit", {**seen, "count": facts.today, "most": most}, day_ends)


def _nights(policy: Policy, timezone: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The quiet spans around `now`, in order: tonight, last night, and the one after."""
    start, end = policy.quiet_from, policy.quiet_until
    if start == end:
        return
    where = zone(timezone)
    night = local_date(now, where) - DAY
    for on in (night, night + DAY, night + DAY + DAY):
        yield instant(on, start, where), instant(on + DAY if start > end else on, end, where)


def end_of_quiet(policy: Policy, timezone: str, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in are over, or None outside of them.

    Nights are spans between instants, by the rules of `automation.times`: an hour that comes twice in the morning
    ends the night the first time.
    """
    until = None
    # Three nights, for a morning so short that the change of clocks swallowed it.
    for begins, ends in _nights(policy, timezone, now):
        if begins <= (until or now) < ends:
            until = ends
    return until


def start_of_quiet(policy: Policy, timezone: str, now: datetime) -> datetime | None:
    """When the next quiet hours begin after `now`; None where there are none."""
    return next((begins for begins, ends in _nights(policy, timezone, now) if now < begins < ends), None)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
