"""Each night what is stored of each customer is compared with what their orders say, a few at a time.

Compared are the summary of the orders and, by the model and at the moment that it was worked out with, what is
expected. Lead scores are not: they age, and are worked out again within a week anyway. A difference is told on the
first page and put right by having the customer worked out again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import bulk, rhythms
from automation.app import App
from automation.insights.value import scoring
from automation.insights.value.model import model_of
from automation.models import Customer, CustomerRhythm, CustomerScore, ValueModel, ValueSettings
from automation.nightly import Nightly

log = logging.getLogger(__name__)

AT_ONCE = 250
"""Customers looked at in one call."""
NIGHTLY = Nightly("values.check", "values.differences", time(2))
_SUMMED = (
    "order_count",
    "spent",
    "occasions",
    "repeat_spent",
    "first_order_at",
    "last_order_at",
    "last_occasion_at",
    "median_days",
    "next_expected_at",
)
_EXPECTED = tuple(scoring.UNKNOWN)


def check(app: App, now: datetime) -> int:
    """Look at the next customers, if tonight's check is not done; how many there were."""
    position = NIGHTLY.stands_at(app, now)
    if position is None:
        return 0
    with app.db.write() as session:
        stored = session.scalars(
            select(CustomerRhythm)
            .where(CustomerRhythm.customer_id > position)
            .order_by(CustomerRhythm.customer_id)
            .limit(AT_ONCE)
            .with_for_update()
        ).all()
        wrong = _compare(session, stored, now) if stored else {}
        if wrong:
            log.error("what was stored of %s customers differed from their orders, and is put right", len(wrong))
            rows = [{"customer_id": i, "is_stale": True} for i in sorted(wrong)]
            bulk.update(session, CustomerRhythm, rows, key=("customer_id",))
            scoring.mark(session, wrong, now)
        NIGHTLY.go_on(session, position, stored[-1].customer_id if stored else None, len(wrong), now)
    return len(stored)


def _compare(session: Session, stored: Sequence[CustomerRhythm], now: datetime) -> dict[int, int]:
    """{customer: store} of whoever differs; five statements. What waits to be worked out is no difference."""
    settled = [row for row in stored if not row.is_stale]
    ids = [row.customer_id for row in settled]
    true = rhythms.summaries(session, {row.customer_id: row.store_id for row in settled}, now)
    wrong = {
        row.customer_id: row.store_id
        for row in settled
        if any(getattr(row, name) != true[row.customer_id][name] for name in _SUMMED)
    }
    scores = session.scalars(
        select(CustomerScore)
        .join(Customer, Customer.id == CustomerScore.customer_id)
        .where(CustomerScore.customer_id.in_(ids), Customer.erased_at.is_(None))
        .where(CustomerScore.scored_at.is_not(None), func.coalesce(CustomerScore.due_at, now + rhythms.DAY) > now)
    ).all()
    measured = _measured(session, scores)
    for row in scores:
        by = measured.get((row.store_id, row.model_id or 0))
        if by is not None and row.customer_id not in wrong and _differs(row, _Bought(**true[row.customer_id]), by):
            wrong[row.customer_id] = row.store_id
    return wrong


@dataclass(frozen=True, slots=True)
class _Bought:
    """A summary as it ought to be."""

    customer_id: int
    store_id: int
    order_count: int
    spent: int
    occasions: int
    repeat_spent: int
    first_order_at: Any
    last_order_at: Any
    last_occasion_at: Any
    median_days: int | None
    next_expected_at: Any
    is_stale: bool
    summarised_at: Any


def _measured(session: Session, scores: Sequence[CustomerScore]) -> dict[tuple[int, int], scoring.Standards]:
    """What each row was measured by: its own model, and the store's choices of today."""
    now = scoring.standards(session, sorted({row.store_id for row in scores}))
    models = session.scalars(select(ValueModel).where(ValueModel.id.in_({row.model_id or 0 for row in scores})))
    changed = dict(session.execute(select(ValueSettings.store_id, ValueSettings.updated_at)).all())
    found = {
        (row.store_id, row.id): replace(now[row.store_id], model=model_of(row.figures), model_id=row.id)
        for row in models
    }
    for store_id, by in now.items():
        found[store_id, 0] = replace(by, model=None, model_id=None)
    # Rows from before the store chose otherwise are on their way to be worked out again.
    return {
        (row.store_id, row.model_id or 0): found[row.store_id, row.model_id or 0]
        for row in scores
        if (row.store_id, row.model_id or 0) in found
        and (row.store_id not in changed or (row.scored_at is not None and row.scored_at > changed[row.store_id]))
    }


def _differs(row: CustomerScore, bought: _Bought, by: scoring.Standards) -> bool:
    assert row.scored_at is not None
    true = scoring.expectation(bought, by, row.scored_at) if bought.occasions else scoring.UNKNOWN
    return any(_unlike(getattr(row, name), true[name]) for name in _EXPECTED)


def _unlike(stored: Any, true: Any) -> bool:
    if isinstance(stored, float) and isinstance(true, float):
        # Databases may round the last digit.
        return not math.isclose(stored, true, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(stored, datetime) and isinstance(true, datetime):
        return abs(stored - true) > timedelta(milliseconds=1)
    return bool(stored != true)
