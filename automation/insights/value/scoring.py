"""Works out what is expected of the customers whose turn it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.insights.value import lead, rfm
from automation.insights.value.lead import Earned, Line
from automation.insights.value.model import SUMMARY, Model, Summary, model_of
from automation.models import Customer, CustomerRhythm, CustomerScore, ValueModel, ValueSettings

USUAL_HORIZON = 365
"""Days."""
LATEST = timedelta(days=7)
"""Nothing that ages is older."""
_SPREAD = timedelta(hours=1)
_SLOTS = 84
"""Hours over which those who were worked out together come back: else each week would have one busy hour."""
UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("recency", "frequency", "monetary", "rfm_group", "expected_orders", "lifetime_value", "alive", "next_order_at")
)
"""What is known of somebody who never bought."""


@dataclass(frozen=True, slots=True)
class Standards:
    """What a store's customers are measured by."""

    horizon_days: int
    own_thresholds: Mapping[str, Any]
    lines: tuple[Line, ...]
    model: Model | None
    """None before anything was fitted."""
    model_id: int | None

    @property
    def thresholds(self) -> rfm.Thresholds:
        """The store's own, else its quantiles."""
        found = self.model.thresholds if self.model else rfm.Thresholds()
        return found.with_own(self.own_thresholds)


def standards(session: Session, store_ids: Collection[int]) -> dict[int, Standards]:
    """By store, with its newest model: two statements."""
    newest = select(func.max(ValueModel.id)).where(ValueModel.store_id.in_(store_ids)).group_by(ValueModel.store_id)
    fitted = {row.store_id: row for row in session.scalars(select(ValueModel).where(ValueModel.id.in_(newest)))}
    chosen = {
        row.store_id: row for row in session.scalars(select(ValueSettings).where(ValueSettings.store_id.in_(store_ids)))
    }
    return {store_id: _standards(chosen.get(store_id), fitted.get(store_id)) for store_id in store_ids}


def _standards(chosen: ValueSettings | None, fitted: ValueModel | None) -> Standards:
    return Standards(
        horizon_days=chosen.horizon_days if chosen else USUAL_HORIZON,
        own_thresholds=chosen.thresholds if chosen else {},
        lines=lead.lines_of(chosen.lead_lines if chosen else None),
        model=model_of(fitted.figures) if fitted else None,
        model_id=fitted.id if fitted else None,
    )


def score_due(app: App, now: datetime, limit: int) -> int:
    """Work out at most `limit` of those who are due; how many there were."""
    due = select(CustomerScore.customer_id, CustomerScore.store_id).where(CustomerScore.due_at <= now)
    with app.db.read() as session:
        if session.execute(due.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        claimed = session.execute(
            due.order_by(CustomerScore.due_at, CustomerScore.customer_id).limit(limit).with_for_update(skip_locked=True)
        ).all()
        score(session, {row.customer_id: row.store_id for row in claimed}, now)
    return len(claimed)


def score(session: Session, whom: Mapping[int, int], now: datetime) -> None:
    """Work out these customers ({customer's id: store's}): four statements, and one for each line of a lead score."""
    if not whom:
        return
    by_store: dict[int, list[int]] = defaultdict(list)
    for customer_id, store_id in whom.items():
        by_store[store_id].append(customer_id)
    measured = standards(session, list(by_store))
    bought = {row.customer_id: row for row in _summaries(session, list(whom))}
    rows: list[dict[str, Any]] = []
    for store_id, ids in by_store.items():
        by = measured[store_id]
        points = lead.earned(session, store_id, by.lines, ids, now)
        rows += [
            _row(customer_id, bought.get(customer_id), by, points.get(customer_id, ()), now) for customer_id in ids
        ]
    bulk.update(session, CustomerScore, rows, key=("customer_id",))


def _summaries(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    return session.execute(
        select(CustomerRhythm.customer_id, *SUMMARY)
        .join(Customer, Customer.id == CustomerRhythm.customer_id)
        .where(CustomerRhythm.customer_id.in_(ids), CustomerRhythm.occasions > 0, Customer.erased_at.is_(None))
    ).all()


def _row(customer_id: int, bought: Any, by: Standards, points: Iterable[Earned], now: datetime) -> dict[str, Any]:
    points = list(points)
    lead_score = lead.total(points)
    known = expectation(bought, by, now) if bought is not None else UNKNOWN
    ages = bought is not None or any(abs(one.points) >= 0.5 for one in points) or any(one.segment for one in by.lines)
    due_at = now + LATEST - customer_id * 37 % _SLOTS * _SPREAD if ages else None
    if bought is None and due_at is not None and not any(one.segment for one in by.lines):
        # All that there is of them is a score, which may stay the same for longer.
        due_at = max(due_at, now + lead.stays_for(points))
    if bought is not None:
        falls_at = rfm.falls_at(by.thresholds, bought.last_order_at, now)
        due_at = min(falls_at, due_at) if falls_at and due_at else due_at
    return {
        "customer_id": customer_id,
        **known,
        "lead_score": lead_score,
        "model_id": by.model_id,
        "scored_at": now,
        "due_at": due_at,
    }


def expectation(bought: Any, by: Standards, now: datetime) -> dict[str, Any]:
    """What stands in the row of a buyer: groups, and once there is a model what is expected."""
    scores = rfm.score(by.thresholds, bought.last_order_at, bought.order_count, bought.spent, now)
    found: dict[str, Any] = {
        **UNKNOWN,
        "recency": scores.recency,
        "frequency": scores.frequency,
        "monetary": scores.monetary,
        "rfm_group": scores.group,
    }
    if by.model is None:
        return found
    summary = Summary(bought.occasions, bought.first_order_at, bought.last_occasion_at, bought.repeat_spent)
    expected = by.model.expectation(summary, by.horizon_days, now)
    return {
        **found,
        "expected_orders": expected.orders,
        "lifetime_value": expected.value,
        "alive": expected.alive,
        "next_order_at": expected.next_at,
    }


def mark(session: Session, whom: Mapping[int, int], now: datetime) -> None:
    """Have these customers ({customer's id: store's}) worked out again; one statement."""
    bulk.insert(
        session,
        CustomerScore,
        [{"customer_id": c, "store_id": s, "due_at": now} for c, s in sorted(whom.items())],
        skip=["customer_id"],
        replace=["due_at"],
    )
