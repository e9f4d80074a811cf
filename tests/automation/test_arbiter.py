"""The arbiter: pure, so held by properties."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.arbiter import CAPPED, REASONS, Draft, Facts, Verdict, decide, end_of_quiet, order
from automation.models import CLASSES
from automation.policy import Policy
from tests.conftest import NOW

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati")
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001  made aware at once
hours = st.floats(0, 100)
policies = st.builds(
    Policy,
    gap_hours=hours,
    quiet_from=st.times(),
    quiet_until=st.times(),
)


def a_draft(now: datetime = NOW, **values: Any) -> Draft:
    defaults: dict[str, Any] = {
        "message_id": 1,
        "customer_id": 1,
        "mail_class": "promotional",
        "topic": "marketing",
        "priority": 50,
        "created_at": now,
        "expires_at": now + timedelta(hours=48),
    }
    return Draft(**{**defaults, **values})


def some_facts(**values: Any) -> Facts:
    return Facts(**{"email_key": "ada@example.com", "consent": "granted", "timezone": "Europe/Berlin", **values})


drafts = st.builds(
    lambda now, mail_class, age, life: (
        now,
        a_draft(
            now,
            mail_class=mail_class,
            created_at=now - timedelta(hours=age),
            expires_at=None if life is None else now - timedelta(hours=age) + timedelta(hours=life),
        ),
    ),
    instants,
    st.sampled_from(CLASSES),
    hours,
    st.none() | hours,
)
facts = st.builds(
    Facts,
    email_key=st.sampled_from([None, "ada@example.com"]),
    is_erased=st.booleans(),
    suppression=st.sampled_from([None, "complaint"]),
    consent=st.sampled_from([None, "granted", "pending", "withdrawn"]),
    timezone=st.sampled_from([*ZONES, "Nowhere/Land"]),
    failing=st.sampled_from([None, "the cart still has items"]),
    is_stopped=st.booleans(),
)


@given(drafts, facts, policies, st.none() | hours)
def test_whatever_the_facts_nobody_is_mailed_who_must_not_be(
    given_draft: tuple[datetime, Draft], seen: Facts, policy: Policy, last: float | None
) -> None:
    now, draft = given_draft
    if last is not None:
        seen = Facts(**{**seen._asdict(), "last_capped_at": now - timedelta(hours=last)})
    verdict = decide(draft, seen, policy, now)
    assert verdict.reason in REASONS
    if verdict.outcome == "go":
        assert seen.email_key
        assert seen.suppression is None
        assert not seen.is_erased
        assert seen.failing is None
        assert draft.mail_class == "transactional" or seen.consent == "granted"
        assert draft.mail_class == "transactional" or end_of_quiet(policy, seen.timezone, now) is None
        if draft.mail_class in CAPPED and seen.last_capped_at:
            assert now >= seen.last_capped_at + policy.gap
        assert draft.expires_at is None or now < draft.expires_at
    elif verdict.outcome == "defer":
        assert verdict.until is not None
        assert verdict.until > now
        assert draft.expires_at is None or verdict.until < draft.expires_at
        assert verdict.facts
    else:
        assert verdict.until is None


@given(instants, st.sampled_from(ZONES), st.times(), st.times())
def test_quiet_hours_end_outside_of_quiet_hours_and_within_a_day(
    now: datetime, name: str, start: time, end: time
) -> None:
    policy = Policy(quiet_from=start, quiet_until=end)
    until = end_of_quiet(policy, name, now)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=26)
    assert end_of_quiet(policy, name, until) is None


@given(instants, st.sampled_from(ZONES))
def test_by_default_no_mail_goes_between_nine_in_the_evening_and_eight(now: datetime, name: str) -> None:
    local = now.astimezone(ZoneInfo(name)).time()
    is_night = local >= time(21) or local < time(8)
    assert (end_of_quiet(Policy(), name, now) is not None) == is_night


def test_at_night_a_mail_waits_until_eight_where_the_customer_lives() -> None:
    night = datetime(2026, 3, 10, 22, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    verdict = decide(a_draft(night), some_facts(), Policy(), night)
    assert (verdict.outcome, verdict.reason) == ("defer", "quiet_hours")
    assert verdict.until == datetime(2026, 3, 11, 8, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert verdict.facts["local_time"] == "22:30"


def test_a_receipt_goes_at_night_without_consent_and_right_after_another_mail() -> None:
    night = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
    seen = some_facts(consent="withdrawn", last_capped_at=night)
    assert decide(a_draft(night, mail_class="transactional"), seen, Policy(), night).outcome == "go"


def test_a_receipt_to_a_suppressed_address_is_dropped() -> None:
    verdict = decide(a_draft(mail_class="transactional"), some_facts(suppression="hard_bounce"), Policy(), NOW)
    assert verdict == Verdict("drop", "suppressed", {"suppression": "hard_bounce"})


def test_a_second_newsletter_waits_for_the_gap_to_pass() -> None:
    verdict = decide(a_draft(), some_facts(last_capped_at=NOW - timedelta(hours=15)), Policy(), NOW)
    assert (verdict.outcome, verdict.reason, verdict.until) == ("defer", "gap", NOW + timedelta(hours=1))


def test_a_mail_that_would_wait_beyond_its_expiry_is_dropped_and_says_what_kept_it() -> None:
    draft = a_draft(expires_at=NOW + timedelta(hours=2))
    verdict = decide(draft, some_facts(last_capped_at=NOW - timedelta(hours=1)), Policy(), NOW)
    assert (verdict.outcome, verdict.reason, verdict.facts["kept_by"]) == ("drop", "expired", "gap")


@pytest.mark.parametrize("consent", [None, "pending", "withdrawn"])
def test_without_consent_marketing_is_dropped(consent: str | None) -> None:
    verdict = decide(a_draft(), some_facts(consent=consent), Policy(), NOW)
    assert (verdict.outcome, verdict.reason) == ("drop", "no_consent")
    assert verdict.facts == {"topic": "marketing", "consent": consent or "never asked"}


sendings = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(CLASSES), st.integers(0, 100)), min_size=1, max_size=25
)


@given(instants, st.sampled_from(ZONES), sendings, st.integers(0, 3), st.integers(0, 6), st.sampled_from([0, 6, 16]))
def test_over_weeks_of_drafts_no_limit_is_broken_and_every_draft_comes_to_an_end(
    begin: datetime, name: str, given_drafts: list[tuple[int, str, int]], day: int, week: int, gap: int
) -> None:
    """A customer's mails, hour after hour as drafts come and what was put off is asked about again."""
    policy = Policy(gap_hours=gap, most_per_day=day, most_per_week=week)
    where, now = ZoneInfo(name), begin
    waiting: list[tuple[datetime, Draft]] = []
    for number, (hours_later, mail_class, priority) in enumerate(given_drafts):
        now += timedelta(hours=hours_later)
        made = a_draft(now, message_id=number, mail_class=mail_class, priority=priority)
        waiting.append((now, made))
    went: list[datetime] = []
    asked = 0
    while waiting:
        at = min(due for due, _ in waiting)
        due = sorted((d for when, d in waiting if when <= at), key=order)
        waiting = [(when, d) for when, d in waiting if when > at]
        for one in due:
            asked += 1
            local = [t.astimezone(where).date() for t in went]
            today = at.astimezone(where).date()
            monday = today - timedelta(days=today.weekday())
            seen = some_facts(
                timezone=name,
                last_capped_at=max(went, default=None),
                today=local.count(today),
                this_week=sum(d >= monday for d in local),
            )
            verdict = decide(one, seen, policy, at)
            if verdict.outcome == "defer":
                assert verdict.until is not None
                assert verdict.until > at
                assert verdict.reason not in {
                    v.reason for v in [decide(one, seen, policy, verdict.until)] if v.outcome == "defer"
                } or verdict.reason in {"daily_limit", "weekly_limit", "own_limit"}, "asked with fresh counts then"
                waiting.append((verdict.until, one))
            elif verdict.outcome == "go" and one.mail_class in CAPPED:
                assert end_of_quiet(policy, name, at) is None
                assert not went or at - max(went) >= policy.gap
                assert not day or local.count(today) < day
                assert not week or seen.this_week < week
                went.append(at)
    assert asked <= 40 * len(given_drafts)
