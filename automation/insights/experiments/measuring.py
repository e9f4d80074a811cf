"""Looking at experiments: every one is counted anew from enrolments and orders, the longer it runs the more seldom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.experiments import contests, counting, lifts
from automation.insights.experiments.counting import HELD, MAILED, Counted
from automation.insights.experiments.finding import Experiment, find
from automation.insights.experiments.groups import Group
from automation.models import Measurement, Store, Trial
from automation.policy import Policy
from automation.steps.ab_test import AbTestSettings
from automation.upsert import insert_into

SOONEST = timedelta(minutes=10)
LATEST = timedelta(days=1)
_GROWTH = 50
"""An experiment is looked at again after a fiftieth of its age."""
_METRICS = ("click", "conversion", "revenue")


def due(session: Session, now: datetime) -> list[tuple[int, Experiment]]:
    """(store's id, experiment) of all that were never looked at, or not for too long."""
    known = {
        (row.store_id, row.key): row.due_at
        for row in session.execute(select(Measurement.store_id, Measurement.key, Measurement.due_at))
    }
    found = []
    for store in session.scalars(select(Store).order_by(Store.id)):
        for experiment in find(session, store):
            place = (store.id, experiment.key)
            due_at = known.get(place, now)
            if due_at is not None and due_at <= now:
                found.append((store.id, experiment))
    return found


def measure(session: Session, experiment: Experiment, now: datetime) -> dict[str, Any]:
    """The row of `measurements` that a look at an experiment gives; a constant number of statements."""
    store = session.get_one(Store, experiment.store_id)
    policy = Policy.model_validate(store.policy)
    is_test = experiment.kind == "ab_test"
    window = timedelta(days=policy.attribution_days if is_test else policy.lift_days)
    counted = Counted(store.currency, window, now)
    figures = (
        _of_test(session, experiment, counted)
        if is_test
        else _of_holdout(session, experiment, policy.holdout_percent / 100, counted)
    )
    decided_at = figures.get("decided_at")
    ended_at = experiment.ended_at or (datetime.fromisoformat(decided_at) if decided_at else None)
    is_final = ended_at is not None and now >= ended_at + window
    wait = min(LATEST, max(SOONEST, (now - experiment.started_at) / _GROWTH))
    return {
        "store_id": experiment.store_id,
        "key": experiment.key,
        "kind": experiment.kind,
        "title": experiment.title,
        "campaign_id": experiment.campaign_id,
        "step_id": experiment.step_id,
        "settings": {**experiment.settings, "window_days": window / timedelta(days=1)},
        "figures": figures,
        "started_at": experiment.started_at,
        "ended_at": ended_at,
        "measured_at": now,
        "due_at": None if is_final else now + wait,
    }


def keep(session: Session, row: dict[str, Any]) -> None:
    """Store a look in place of the one before; one statement."""
    changed = {name: value for name, value in row.items() if name not in ("store_id", "key")}
    session.execute(
        insert_into(session, Measurement)
        .values(row)
        .on_conflict_do_update(index_elements=["store_id", "key"], set_=changed)
    )


def _of_holdout(session: Session, experiment: Experiment, store_share: float, counted: Counted) -> dict[str, Any]:
    e = experiment
    if e.campaign_id is None:
        share = e.settings["percent"] / 100
        groups = counting.of_store(session, e.store_id, e.campaign_ids, share, e.started_at, e.ended_at, counted)
    elif e.step_id is not None:
        groups = counting.of_step(session, e.campaign_id, e.step_id, (MAILED, HELD), e.started_at, e.ended_at, counted)
    else:
        groups = counting.of_campaign(
            session,
            e.campaign_id,
            e.started_at,
            e.ended_at,
            counted,
            store_id=e.store_id,
            store_share=store_share,
        )
    mailed, held = groups
    return {
        "groups": contests.summary(groups),
        "conversion": asdict(lifts.of_conversion(mailed, held)),
        "revenue": asdict(lifts.of_revenue(mailed, held, e.key)),
    }


def _of_test(session: Session, experiment: Experiment, counted: Counted) -> dict[str, Any]:
    e = experiment
    assert e.campaign_id is not None
    assert e.step_id is not None
    try:
        settings = AbTestSettings.model_validate(e.settings)
    except ValidationError:
        settings = AbTestSettings()
    trial = session.get(Trial, (e.campaign_id, e.step_id)) if e.ended_at is None else None
    since = trial.started_at if trial is not None else e.started_at
    until = trial.decided_at if trial is not None and trial.decided_at is not None else e.ended_at
    groups = counting.of_step(session, e.campaign_id, e.step_id, settings.arms, since, until, counted)
    return {
        "groups": contests.summary(groups),
        "metric": settings.metric,
        "at_least": settings.at_least,
        "is_automatic": settings.automatic,
        "decided_at": trial.decided_at.isoformat() if trial is not None and trial.decided_at is not None else None,
        "winner": trial.winner if trial is not None else None,
        "is_proven": trial is not None and trial.is_proven,
        **{name: _standing(groups, name, settings.at_least) for name in _METRICS},
    }


def _standing(groups: Sequence[Group], metric: str, at_least: int) -> dict[str, Any]:
    return asdict(contests.standing(groups, metric, at_least))  # type: ignore[arg-type]  # one of _METRICS
