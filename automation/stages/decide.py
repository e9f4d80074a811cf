"""Third stage: drafted messages become ready, are put off, or are dropped, and every verdict is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select
from sqlalchemy.orm import Session

from automation import arbiter, bulk, versions
from automation.app import App
from automation.arbiter import CAPPED, Draft, Facts, Verdict
from automation.faults import declare, fault
from automation.models import (
    COUNTED,
    Campaign,
    ConsentState,
    Customer,
    Decision,
    Message,
    Store,
    Suppression,
)
from automation.policy import Policy

declare("decide.before_commit")

_DECIDED = ("live", "stopping", "finished", "archived")
"""States of a campaign whose drafts are decided on; those of a paused one wait."""


def decide(app: App, now: datetime, limit: int) -> int:
    """Decide on at most `limit` due drafts, and on every other due draft of the same customers; how many.

    One transaction. Customers are locked while they are decided on, so that two workers cannot both find the gap
    free. The number of statements does not depend on how many drafts there are.
    """
    with app.db.write() as session:
        drafts = _claim(session, now, limit)
        if not drafts:
            return 0
        verdicts = _judge(app, session, drafts, now)
        _write(session, drafts, verdicts, now)
        fault("decide.before_commit")
    return len(drafts)


def _claim(session: Session, now: datetime, limit: int) -> list[Any]:
    """Due drafts, the most important first, with their customers locked."""
    due = and_(
        Message.state == "draft",
        Message.due_at <= now,
        or_(Message.campaign_id.is_(None), Campaign.state.in_(_DECIDED)),
    )
    ids = session.scalars(
        select(Message.customer_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(due)
        .order_by(Message.due_at)
        .limit(limit)
    ).all()
    if not ids:
        return []
    locked = session.scalars(
        select(Customer.id).where(Customer.id.in_(set(ids))).with_for_update(skip_locked=True)
    ).all()
    found = session.execute(
        select(
            Message.id,
            Message.customer_id,
            Message.campaign_id,
            Message.version_id,
            Message.enrolment_id,
            Message.mail_class,
            Message.topic,
            Message.priority,
            Message.created_at,
            Message.expires_at,
            Message.store_id,
            Customer.email_key,
            Customer.erased_at,
            Customer.timezone,
            Store.timezone.label("store_timezone"),
            Store.policy,
            Campaign.state.label("campaign_state"),
        )
        .join(Customer, Customer.id == Message.customer_id)
        .join(Store, Store.id == Message.store_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(due, Message.customer_id.in_(locked))
        .order_by(Message.rank, Message.priority.desc(), Message.created_at, Message.id)
        .with_for_update(of=Message, skip_locked=True)
    )
    return list(found)


def _judge(app: App, session: Session, drafts: Sequence[Any], now: datetime) -> list[Verdict]:
    suppressed = _suppressions(session, drafts)
    consents = _consents(session, drafts)
    capped = _last_capped(session, drafts)
    failing = _failing(app, session, drafts, now)
    policies: dict[int, Policy] = {}
    verdicts = []
    for row in drafts:
        policy = policies.setdefault(row.store_id, Policy.model_validate(row.policy))
        status, since = consents.get((row.customer_id, row.topic), (None, None))
        facts = Facts(
            email_key=row.email_key,
            is_erased=row.erased_at is not None,
            suppression=suppressed.get((row.store_id, row.email_key)),
            consent=status,
            consent_at=since,
            timezone=row.timezone or row.store_timezone,
            last_capped_at=capped.get(row.customer_id),
            failing=failing.get(row.id),
            is_stopped=row.campaign_state == "archived",
        )
        draft = Draft(
            message_id=row.id,
            customer_id=row.customer_id,
            mail_class=row.mail_class,
            topic=row.topic,
            priority=row.priority,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        verdict = arbiter.decide(draft, facts, policy, now)
        if verdict.outcome == "go" and row.mail_class in CAPPED:
            capped[row.customer_id] = now
        verdicts.append(verdict)
    return verdicts


def _suppressions(session: Session, drafts: Iterable[Any]) -> dict[tuple[int, str], str]:
    keys = {row.email_key for row in drafts if row.email_key}
    found = session.execute(
        select(Suppression.store_id, Suppression.email_key, Suppression.reason).where(Suppression.email_key.in_(keys))
    )
    return {(row.store_id, row.email_key): row.reason for row in found}


def _consents(session: Session, drafts: Iterable[Any]) -> dict[tuple[int, str], tuple[str, datetime]]:
    customers = {row.customer_id for row in drafts}
    found = session.execute(
        select(ConsentState.customer_id, ConsentState.topic, ConsentState.status, ConsentState.at).where(
            ConsentState.customer_id.in_(customers)
        )
    )
    return {(row.customer_id, row.topic): (row.status, row.at) for row in found}


def _last_capped(session: Session, drafts: Iterable[Any]) -> dict[int, datetime]:
    customers = {row.customer_id for row in drafts}
    went_at = func.max(func.coalesce(Message.accepted_at, Message.decided_at))
    found = session.execute(
        select(Message.customer_id, went_at)
        .where(
            Message.customer_id.in_(customers),
            Message.state.in_(COUNTED),
            Message.mail_class.in_(CAPPED),
            Message.is_test.is_(False),
        )
        .group_by(Message.customer_id)
    )
    return {customer: at for customer, at in found if at is not None}


def _failing(app: App, session: Session, drafts: Iterable[Any], now: datetime) -> dict[int, str]:
    """For drafts whose trigger's conditions no longer hold: which."""
    by_version: dict[int, list[Any]] = defaultdict(list)
    for row in drafts:
        if row.version_id is not None and row.enrolment_id is not None:
            by_version[row.version_id].append(row)
    failing = {}
    for version_id, version in versions.of_ids(app, session, by_version).items():
        rows = by_version[version_id]
        standing = versions.standing(session, version, [row.enrolment_id for row in rows], now)
        for row in rows:
            condition = standing[row.enrolment_id]
            if condition is not None:
                failing[row.id] = condition
    return failing


_STATE = {"go": "ready", "defer": "draft", "drop": "dropped"}


def _write(session: Session, drafts: Sequence[Any], verdicts: Sequence[Verdict], now: datetime) -> None:
    pairs = list(zip(drafts, verdicts, strict=True))
    bulk.update(
        session,
        Message,
        [
            {
                "id": row.id,
                "state": _STATE[verdict.outcome],
                "reason": verdict.reason,
                "due_at": verdict.until or now,
                "decided_at": now,
            }
            for row, verdict in pairs
        ],
    )
    session.execute(
        insert(Decision),
        [
            {
                "message_id": row.id,
                "customer_id": row.customer_id,
                "campaign_id": row.campaign_id,
                "outcome": verdict.outcome,
                "reason": verdict.reason,
                "facts": verdict.facts,
                "until": verdict.until,
                "at": now,
            }
            for row, verdict in pairs
        ],
    )
