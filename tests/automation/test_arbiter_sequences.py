"""The arbiter over whole stretches of a customer's life: mails come, minds change, clocks change, time passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.arbiter import CAPPED, Ahead, Draft, Facts, Verdict, decide, end_of_quiet, order
from automation.models import CLASSES
from automation.policy import Policy
from automation.reasons import SENTENCES, reason

EXAMPLES = int(os.environ.get("CARTWHEEL_TEST_SEQUENCES", "150"))
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "Asia/Kathmandu": ("2026-06-01", "2026-12-31"),
}
"""Nights on which clocks change there, or the year does."""
_CONSENTS = (None, "granted", "granted", "pending", "withdrawn")

steps = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.one_of(
            st.tuples(st.just("draft"), st.sampled_from(CLASSES), st.integers(0, 2)),
            st.tuples(st.just("draft"), st.sampled_from(sorted(CAPPED)), st.integers(0, 2)),
            st.tuples(st.just("consent"), st.sampled_from(_CONSENTS)),
            st.tuples(st.just("suppression"), st.sampled_from([None, "hard_bounce", "complaint"])),
            st.tuples(st.just("rest"), st.sampled_from([None, 1, 3])),
            st.tuples(st.just("wish"), st.sampled_from([None, 1, 2])),
            st.tuples(st.just("monthly wish"), st.sampled_from([None, 1, 3])),
            st.tuples(st.just("erased"), st.just(1)),
        ),
    ),
    min_size=2,
    max_size=24,
)
lives = st.sampled_from(sorted(CHANGES)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.sampled_from(CHANGES[name]).flatmap(
            lambda on: st.integers(-40, 8).map(
                lambda hours: datetime.fromisoformat(on).replace(tzinfo=UTC) + timedelta(hours=hours)
            )
        ),
    )
)
policies = st.builds(
    Policy,
    gap_hours=st.sampled_from([0, 6, 16, 30]),
    most_per_day=st.integers(0, 3),
    most_per_week=st.integers(0, 5),
)


@dataclass
class Life:
    """One customer, and the drafts to them that are still open."""

    timezone: str
    policy: Policy
    consent: str | None = "granted"
    suppression: str | None = None
    rest_until: datetime | None = None
    wish: int | None = None
    monthly: int | None = None
    is_erased: bool = False
    open: list[tuple[datetime, Draft]] = field(default_factory=list)
    went: list[tuple[datetime, Draft]] = field(default_factory=list)
    asked: int = 0

    def facts(self, at: datetime, ahead: Ahead | None = None) -> Facts:
        where = ZoneInfo(self.timezone)
        limited = [t.astimezone(where).date() for t, d in self.went if d.mail_class in CAPPED]
        today = at.astimezone(where).date()
        monday = today - timedelta(days=today.weekday())
        return Facts(
            email_key=None if self.is_erased else "ada@example.com",
            is_erased=self.is_erased,
            suppression=self.suppression,
            consent=self.consent,
            timezone=self.timezone,
            last_capped_at=max((t for t, d in self.went if d.mail_class in CAPPED), default=None),
            ahead=ahead,
            today=limited.count(today),
            this_week=sum(on >= monday for on in limited),
            paused_until=self.rest_until,
            own_limit=self.wish,
            this_month=sum(on >= today.replace(day=1) for on in limited),
            own_month=self.monthly,
        )

    def change(self, at: datetime, what: tuple[Any, ...]) -> None:
        match what:
            case ("consent", status):
                self.consent = status
            case ("suppression", why):
                self.suppression = why
            case ("rest", days):
                self.rest_until = None if days is None else at + timedelta(days=days)
            case ("wish", most):
                self.wish = most
            case ("monthly wish", most):
                self.monthly = most
            case ("erased", _):
                self.is_erased = True

    def live_until(self, end: datetime) -> None:
        """Ask about every draft whose time comes before `end`."""
        while self.open and min(at for at, _ in self.open) <= end:
            at = min(at for at, _ in self.open)
            due = sorted((d for when, d in self.open if when <= at), key=order)
            self.open = [(when, d) for when, d in self.open if when > at]
            ahead: Ahead | None = None
            for draft in due:
                self.asked += 1
                seen = self.facts(at, ahead)
                verdict = decide(draft, seen, self.policy, at)
                self._check(draft, seen, verdict, at)
                if verdict.outcome == "defer" and verdict.until is not None:
                    self.open.append((verdict.until, draft))
                elif verdict.outcome == "go":
                    self.went.append((at, draft))
                    if draft.mail_class in CAPPED:
                        ahead = Ahead(draft.message_id, draft.mail_class, draft.priority)

    def _check(self, draft: Draft, seen: Facts, verdict: Verdict, at: datetime) -> None:
        sentence = reason(verdict.reason, verdict.facts, self.timezone)
        assert verdict.reason in SENTENCES
        assert "{" not in sentence
        if verdict.outcome == "go":
            self._check_gone(draft, seen, at)
            return
        assert seen.is_erased or verdict.facts, "every refusal and every wait names what it saw"
        if verdict.outcome == "drop":
            return
        assert verdict.until is not None
        assert verdict.until > at
        assert draft.expires_at is not None
        assert verdict.until < draft.expires_at
        # If nothing else happens meanwhile, it goes then.
        assert decide(draft, self.facts(verdict.until), self.policy, verdict.until).outcome == "go"
        if verdict.reason == "stronger_first":
            assert seen.ahead is not None
            stronger = next(d for _, d in self.went if d.message_id == seen.ahead.message_id)
            assert order(stronger) < order(draft), "who is put off is weaker than who went"

    def _check_gone(self, draft: Draft, seen: Facts, at: datetime) -> None:
        assert self.suppression is None
        assert not self.is_erased
        if draft.mail_class == "transactional":
            return
        assert self.consent == "granted"
        assert end_of_quiet(self.policy, self.timezone, at) is None
        if draft.mail_class not in CAPPED:
            return
        assert seen.last_capped_at is None or at - seen.last_capped_at >= self.policy.gap
        assert self.rest_until is None or at >= self.rest_until
        assert not self.policy.most_per_day or seen.today < self.policy.most_per_day
        assert not self.policy.most_per_week or seen.this_week < self.policy.most_per_week
        assert self.wish is None or seen.this_week < self.wish
        assert self.monthly is None or seen.this_month < self.monthly


@given(lives, policies, steps)
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_happens_no_promise_to_the_customer_is_broken(
    life_of: tuple[str, datetime], policy: Policy, given_steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    name, now = life_of
    life = Life(name, policy)
    drafted = 0
    for later, what in given_steps:
        now += timedelta(hours=later)
        life.live_until(now)
        if what[0] == "draft":
            drafted += 1
            made = Draft(drafted, 1, what[1], "marketing", what[2], now, now + policy.defer)
            life.open.append((now, made))
        else:
            life.change(now, what)
    life.live_until(now + timedelta(days=30))
    assert life.open == [], "every draft comes to an end by its expiry"
    assert life.asked <= 40 * max(1, drafted)


@given(lives, policies, st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(0, 3)), min_size=2, max_size=6))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_mails_that_are_due_together_the_most_important_takes_the_place(
    life_of: tuple[str, datetime], policy: Policy, wanted: list[tuple[str, int]]
) -> None:
    name, now = life_of
    life = Life(name, policy)
    for number, (mail_class, priority) in enumerate(wanted):
        life.open.append((now, Draft(number, 1, mail_class, "marketing", priority, now, now + policy.defer)))
    ranked = sorted(enumerate(wanted), key=lambda w: (CLASSES.index(w[1][0]), -w[1][1], w[0]))
    first = [number for number, (mail_class, _) in ranked if mail_class in CAPPED]
    life.live_until(now + timedelta(days=30))
    gone = [d.message_id for _, d in life.went if d.mail_class in CAPPED]
    assert gone == first[: len(gone)], "none overtakes a more important one"
