"""A/B tests at work: when a test between arms is over, and which arm is taken from then on.

What is counted stands in `automation.insights.experiments.counting`, how sure it is in `contests`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.experiments import contests, counting
from automation.insights.experiments.contests import Metric
from automation.insights.experiments.counting import Counted
from automation.insights.experiments.groups import Group
from automation.models import Store, Trial
from automation.policy import Policy
from automation.upsert import insert_into

__all__ = ["EVERY", "Metric", "Otherwise", "Terms", "check", "figures", "standing"]

Otherwise = Literal["leader", "spread"]
"""What is done when the time is over and no arm is better than all others."""
EVERY = timedelta(minutes=5)
"""An open trial is counted again this often at most; one that has run for long more seldom."""
_SELDOM = 100
"""It has grown by a hundredth of its age before it is counted again."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial goes by."""

    arms: tuple[str, ...]
    metric: Metric
    at_least: int
    """People in each arm, before one may win."""
    not_before: timedelta
    """Nothing is decided sooner after the first customer."""
    ends_after: timedelta
    """Then it is over, also without a winner."""
    is_automatic: bool = True
    """False only measures: no arm ever wins by itself."""
    otherwise: Otherwise = "leader"


def figures(
    session: Session, store_id: int, campaign_id: int, step_id: str, arms: Sequence[str], since: datetime, now: datetime
) -> list[Group]:
    """What each arm brought since an instant, in the order of `arms`; orders count for the days that clicks do."""
    store = session.get_one(Store, store_id)
    days = Policy.model_validate(store.policy).attribution_days
    counted = Counted(store.currency, timedelta(days=days), now)
    return counting.of_step(session, campaign_id, step_id, arms, since, None, counted)


def standing(session: Session, campaign_id: int, step_id: str, now: datetime) -> Trial:
    """The trial at a step, begun now if there is none; locked until the transaction ends."""
    wanted = (
        select(Trial)
        .where(Trial.campaign_id == campaign_id, Trial.step_id == step_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = session.scalars(wanted).one_or_none()
    if found is not None:
        return found
    values: dict[str, Any] = {
        "campaign_id": campaign_id,
        "step_id": step_id,
        "started_at": now,
        "checked_at": now,
        "is_proven": False,
        "figures": [],
    }
    session.execute(insert_into(session, Trial).values(values).on_conflict_do_nothing())
    return session.scalars(wanted).one()


def check(session: Session, trial: Trial, store_id: int, terms: Terms, now: datetime) -> None:
    """Decide an open trial where that is possible or its time is over.

    An arm wins as soon as it is better than all others by evidence that stays valid however often one looks, so it
    does not matter how often this is called. When the time is over without one, the trial is decided too: with the
    leader for a winner that nothing proves, or with none. While an arm has too few people it stays open all the same.
    """
    age = now - trial.started_at
    if trial.decided_at is not None or age < terms.not_before:
        return
    is_over = age >= terms.ends_after
    is_first = is_over and trial.checked_at < trial.started_at + terms.ends_after
    if not is_first and now < trial.checked_at + max(EVERY, age / _SELDOM):
        return
    found = figures(session, store_id, trial.campaign_id, trial.step_id, terms.arms, trial.started_at, now)
    stands = contests.standing(found, terms.metric, terms.at_least)
    trial.checked_at, trial.figures = now, contests.summary(found)
    if terms.is_automatic and stands.winner is not None:
        trial.winner, trial.is_proven, trial.decided_at = stands.winner, True, now
    elif is_over and all(group.people >= terms.at_least for group in found):
        takes_leader = terms.is_automatic and terms.otherwise == "leader"
        trial.winner = (stands.leader or terms.arms[0]) if takes_leader else None
        trial.is_proven, trial.decided_at = False, now
    session.flush()
