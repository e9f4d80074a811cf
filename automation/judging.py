"""Puts mails before the arbiter: their facts for a whole batch in a constant number of statements, then verdicts.

Drafts come here from the decide stage; what waited long to leave comes here again from delivery. Whoever asks holds
the customers' locks, so that nobody else can find the same gap free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Integer, Select, and_, case, func, or_, select, text
from sqlalchemy.orm import Session

from automation import arbiter, bulk, verdicts, versions
from automation.app import App
from automation.arbiter import CAPPED, Ahead, Draft, Facts, Verdict
from automation.delivery.results import POSSIBLE_DUPLICATE
from automation.models import (
    CLASSES,
    COUNTED,
    Campaign,
    ConsentState,
    Customer,
    Message,
    Store,
    Suppression,
    TemplateVersion,
)
from automation.models.record import UTCDateTime
from automation.policy import Policy
from automation.reliance import Relying
from automation.times import MIDNIGHT, day_span, instant, local_date, zone

DECIDED = ("live", "stopping", "finished", "archived")
"""States of a campaign whose mails are decided on; those of a paused one wait."""
_WEEK = timedelta(days=8)
_SLACK = timedelta(days=1)
"""How long after its expiry a mail that had left by then may be accepted."""

# What the verdict rests on first, so that one slice of a row is the better part of a key.
_TELLING = (
    Message.store_id,
    Message.mail_class,
    Message.topic,
    Message.expires_at,
    Customer.erased_at.is_not(None),
    Customer.timezone,
    Customer.paused_until,
    Customer.most_per_week,
    Customer.most_per_month,
    ConsentState.status,
    # Of those who agreed nobody asks since when.
    case((ConsentState.status != "granted", ConsentState.at)),
    Suppression.reason,
    Campaign.state == "archived",
    Customer.email_key.is_(None),
)
_SLICE = len(_TELLING)
_COLUMNS = (
    *(column.label(f"fact_{n}") for n, column in enumerate(_TELLING)),
    Message.id,
    Message.customer_id,
    Message.campaign_id,
    Message.store_id,
    Message.version_id,
    Message.enrolment_id,
    Message.template_version_id,
    Message.subject_id,
    Message.state,
    Message.mail_class,
    Message.priority,
    Customer.timezone,
    Customer.most_per_month,
)
Mails = Sequence[Any]
"""Rows of `_COLUMNS`, the most important first."""


class _House(NamedTuple):
    """A store as far as it matters here."""

    policy: Policy
    timezone: str


class _Count(NamedTuple):
    """Mails of a customer that went or are about to."""

    last_at: datetime | None
    today: int
    this_week: int
    this_month: int = 0
    ahead: Ahead | None = None


_NOTHING = _Count(None, 0, 0)


def _mails() -> Any:
    return (
        select(*_COLUMNS)
        .select_from(Message)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .outerjoin(
            ConsentState,
            and_(ConsentState.customer_id == Message.customer_id, ConsentState.topic == Message.topic),
        )
        .outerjoin(
            Suppression,
            and_(Suppression.store_id == Message.store_id, Suppression.email_key == Customer.email_key),
        )
        # As `arbiter.order` has it.
        .order_by(Message.rank, Message.priority.desc(), Message.created_at, Message.id)
        .with_for_update(of=Message, skip_locked=True)
    )


def is_decided_on() -> ColumnElement[bool]:
    """The message's campaign lets it be decided on. Needs `campaigns`, outer-joined."""
    return or_(Message.campaign_id.is_(None), Campaign.state.in_(DECIDED))


def contending(session: Session, customer_ids: Collection[int], now: datetime) -> Mails:
    """The due drafts of some customers, and what was made ready for them and nobody has claimed: locked, in order."""
    given = bulk.table(session, [Customer.id], [{"id": i} for i in customer_ids])
    is_due = and_(Message.state == "draft", Message.due_at <= now)
    # An earlier request with a possible duplicate may have arrived: it is no longer ours to put off.
    is_waiting = and_(
        Message.state.in_(("ready", "retry")),
        Message.rank > 0,
        Message.is_test.is_(False),
        Message.reason != POSSIBLE_DUPLICATE,
    )
    return session.execute(
        _mails()
        .join(given, given.c.id == Message.customer_id)
        # Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
        .where(text("messages.state IN ('draft', 'ready', 'retry')"), or_(is_due, is_waiting), is_decided_on())
    ).all()


def again(app: App, session: Session, message_ids: Collection[int], now: datetime) -> tuple[set[int], int]:
    """Ask again about ready messages that the caller has locked; those that may go, and how many may not after all.

    What somebody else is deciding about at the moment is in neither, and stays as it is.
    """
    given = bulk.table(session, [Message.id], [{"id": i} for i in message_ids])
    owners = select(Message.customer_id).join(given, given.c.id == Message.id)
    free = session.scalars(locked(select(Customer.id).where(Customer.id.in_(owners)))).all()
    if not free:
        return set(), 0
    ours = bulk.table(session, [Customer.id], [{"id": i} for i in free], name="ours")
    mails = session.execute(
        _mails().join(given, given.c.id == Message.id).join(ours, ours.c.id == Message.customer_id)
    ).all()
    judged = list(zip(mails, judge(app, session, mails, now), strict=True))
    going = [(row, verdict) for row, verdict in judged if verdict.outcome == "go"]
    changed = [(row, verdict) for row, verdict in judged if verdict.outcome != "go"]
    verdicts.write(session, changed, now)
    fresh = [{"id": row.id, "decided_at": now, "stale_at": verdict.stale_at} for row, verdict in going]
    bulk.update(session, Message, fresh)
    return {row.id for row, _ in going}, len(changed)


def locked(customers: Select[int]) -> Select[int]:
    """Those customers that nobody else decides on, locked until the end of the transaction.

    Not their keys: what comes in about them meanwhile may refer to them.
    """
    return customers.with_for_update(skip_locked=True, key_share=True)


def judge(app: App, session: Session, mails: Mails, now: datetime) -> list[Verdict]:
    """A verdict on each, in the same order; the first of a customer's that may go takes the place.

    Equal facts share one verdict object, so that a newsletter is not thought over a million times.
    """
    houses = _houses(session, {row.store_id for row in mails})
    counts = _counts(session, mails, houses, now)
    failing = _failing(app, session, mails, now)
    known: dict[Any, Verdict] = {}
    found = []
    for row in mails:
        house = houses[row.store_id]
        customer_id = row.customer_id
        count = counts.get(customer_id, _NOTHING)
        condition = failing.get(row.id)
        key = (row[:_SLICE], count, condition)
        verdict = known.get(key)
        if verdict is None:
            verdict = known[key] = arbiter.decide(_draft(row), _facts(row, house, count, condition), house.policy, now)
        found.append(verdict)
        if verdict.outcome == "go":
            mail_class = row.mail_class
            if mail_class in CAPPED:
                ahead = Ahead(row.id, mail_class, row.priority)
                counts[customer_id] = _one_more(count)._replace(last_at=now, ahead=ahead)
            elif mail_class in house.policy.limited:
                counts[customer_id] = _one_more(count)
    return found


def _one_more(count: _Count) -> _Count:
    return count._replace(today=count.today + 1, this_week=count.this_week + 1, this_month=count.this_month + 1)


def _draft(row: Any) -> Draft:
    return Draft(row.id, row.customer_id, row.mail_class, row[2], row.priority, expires_at=row[3])


def _facts(row: Any, house: _House, count: _Count, condition: str | None) -> Facts:
    told = row[_SLICE - 10 : _SLICE]
    is_erased, timezone, paused_until, own_limit, own_month, status, consent_at, suppression, is_stopped, no_address = (
        told
    )
    return Facts(
        email_key=None if no_address else "known",
        is_erased=bool(is_erased),
        suppression=suppression,
        consent=status,
        consent_at=consent_at,
        timezone=timezone or house.timezone,
        last_capped_at=count.last_at,
        ahead=count.ahead,
        today=count.today,
        this_week=count.this_week,
        this_month=count.this_month,
        paused_until=paused_until,
        own_limit=own_limit,
        own_month=own_month,
        failing=condition,
        is_stopped=bool(is_stopped),
    )


def _houses(session: Session, store_ids: Iterable[int]) -> dict[int, _House]:
    found = session.execute(select(Store.id, Store.policy, Store.timezone).where(Store.id.in_(store_ids)))
    return {row.id: _House(Policy.model_validate(row.policy), row.timezone) for row in found}


def _counts(session: Session, mails: Mails, houses: dict[int, _House], now: datetime) -> dict[int, _Count]:
    """What counts against the gap and the limits, by customer; one statement.

    What left counts from its acceptance; what is on its way counts as leaving now; what is ready but was not asked
    about for long does not count: it is asked again before it leaves.
    """
    asked = _asked(mails, houses, now)
    if not asked:
        return {}
    columns: list[Any] = [
        Message.customer_id,
        Column("day_at", UTCDateTime()),
        Column("week_at", UTCDateTime()),
        Column("month_at", UTCDateTime()),
        Column("since_at", UTCDateTime()),
        Column("rank", Integer()),
    ]
    given = bulk.table(session, columns, list(asked.values()), name="asked")
    mine = bulk.table(
        session, [Message.id], [{"id": row.id} for row in mails if row.state in ("ready", "retry")], name="mine"
    )
    went_at = case(
        (Message.accepted_at.is_not(None), Message.accepted_at),
        (Message.state.in_(("claimed", "submitting")), now),
        else_=Message.decided_at,
    )
    is_fresh = and_(or_(Message.stale_at.is_(None), Message.stale_at > now), Message.id.not_in(select(mine.c.id)))
    # A mail beyond the gap is no fact that a verdict could rest on.
    is_near = went_at > now - max(house.policy.gap for house in houses.values())
    last_at = func.max(case((and_(is_near, Message.rank >= CLASSES.index("lifecycle")), went_at)), type_=UTCDateTime())
    this_week = func.sum(case((went_at >= given.c.week_at, 1), else_=0))
    this_month = func.sum(case((went_at >= given.c.month_at, 1), else_=0))
    today = func.sum(case((went_at >= given.c.day_at, 1), else_=0))
    found = session.execute(
        select(Message.customer_id, last_at, today, this_week, this_month)
        .join(given, given.c.customer_id == Message.customer_id)
        .where(
            Message.created_at > given.c.since_at,
            Message.state.in_(COUNTED),
            Message.rank >= given.c.rank,
            Message.is_test.is_(False),
            or_(Message.state.not_in(("ready", "retry")), is_fresh),
        )
        .group_by(Message.customer_id)
        .having(or_(last_at.is_not(None), this_week > 0, this_month > 0))
    )
    return {customer: _Count(at, int(day), int(week), int(month)) for customer, at, day, week, month in found}


def _asked(mails: Mails, houses: dict[int, _House], now: datetime) -> dict[int, dict[str, Any]]:
    """Customers with mails that may be held back, each with when their day, week and month began.

    Who wants no limit of a month is not looked back at for longer than a week: their month begins with it.
    """
    spans: dict[tuple[int, str, bool], dict[str, Any]] = {}
    asked: dict[int, dict[str, Any]] = {}
    for row in mails:
        if row.mail_class == "transactional" or row.customer_id in asked:
            continue
        house = houses[row.store_id]
        where = (row.store_id, row.timezone or house.timezone, row.most_per_month is not None)
        span = spans.get(where)
        if span is None:
            span = spans[where] = _span(house.policy, where[1], now, is_monthly=where[2])
        asked[row.customer_id] = {"customer_id": row.customer_id, **span}
    return asked


def _span(policy: Policy, timezone: str, now: datetime, *, is_monthly: bool) -> dict[str, Any]:
    where = zone(timezone)
    today = local_date(now, where)
    least = min(CLASSES.index(c) for c in policy.limited)
    monday = today - timedelta(days=today.weekday())
    week_at = instant(monday, MIDNIGHT, where)
    month_at = instant(today.replace(day=1), MIDNIGHT, where) if is_monthly else week_at
    return {
        "day_at": day_span(today, where)[0],
        "week_at": week_at,
        "month_at": month_at,
        # What was put off for long went later than it was made.
        "since_at": min(month_at, now - _WEEK) - policy.defer - _SLACK,
        "rank": least,
    }


def _failing(app: App, session: Session, mails: Mails, now: datetime) -> dict[int, str]:
    """For mails that no longer say what is true: the first condition that does not hold."""
    by_version: dict[int, list[Any]] = defaultdict(list)
    for row in mails:
        if row.version_id is not None and row.enrolment_id is not None:
            by_version[row.version_id].append(row)
    failing = _unreliable(app, session, mails, now)
    if not by_version:
        return failing
    for version_id, version in versions.of_ids(app, session, by_version).items():
        rows = by_version[version_id]
        standing = versions.standing(session, version, [row.enrolment_id for row in rows], now)
        for row in rows:
            condition = standing[row.enrolment_id]
            if condition is not None:
                failing[row.id] = condition
    return failing


def _unreliable(app: App, session: Session, mails: Mails, now: datetime) -> dict[int, str]:
    if not app.reliances:
        return {}
    found = session.execute(
        select(TemplateVersion.id, TemplateVersion.names).where(
            TemplateVersion.id.in_({row.template_version_id for row in mails})
        )
    )
    names = {row.id: frozenset(row.names) for row in found}
    failing: dict[int, str] = {}
    for reliance in app.reliances.values():
        relying = [
            Relying(row.id, row.customer_id, row.store_id, row.campaign_id, row.enrolment_id, row.subject_id)
            for row in mails
            if names[row.template_version_id] & reliance.names
        ]
        if relying:
            failing = {**reliance.broken(session, relying, now), **failing}
    return failing
