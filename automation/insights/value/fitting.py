"""Once a week the models are fitted anew to a store's buyers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.insights.value import purchasing, rfm, spending
from automation.insights.value.cohorts import Bought, cohorts_of
from automation.insights.value.finding import look_at_all
from automation.insights.value.model import DAY, SUMMARY, Figures, Summary
from automation.models import CustomerRhythm, Store, ValueModel
from automation.upsert import table_of

log = logging.getLogger(__name__)

EVERY = timedelta(days=7)
EVERY_WHILE_SMALL = timedelta(days=1)
"""While there are too few data for a model: they grow fast, and averages cost nothing."""
SAMPLE = 10_000
"""Buyers that are looked at, evenly by their ids: with so many the estimates stand to about two per cent."""
LEAST_BUYERS = 500
LEAST_REPEATERS = 50
LEAST_WEEKS = 13
_KEPT = 26
"""Models of a store that are kept, to see how they move."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A store's buyers as the models see them."""

    buyers: int
    repeaters: int
    first_order_at: datetime | None
    rows: Sequence[Any]
    """`model.SUMMARY` of at most SAMPLE of them."""


def refit(app: App, now: datetime) -> int:
    """Fit the stores whose models are due; how many there were. Called when nothing else waits to be summarised."""
    with app.db.read() as session:
        due = _due(session, now)
    for store_id, before in due:
        with app.db.read() as session:
            found = sample(session, store_id)
        fitted = fit(found, now)  # seconds at the most, and in no transaction
        with app.db.write() as session:
            session.add(
                ValueModel(
                    store_id=store_id,
                    fitted_at=now,
                    buyers=found.buyers,
                    repeaters=found.repeaters,
                    sampled=len(found.rows),
                    first_order_at=found.first_order_at,
                    **fitted,
                )
            )
            _forget(session, store_id)
            if before != fitted["method"]:
                # What stands in the rows means something else now.
                look_at_all(session, store_id, now)
        log.info("store %s: fitted %s to %s buyers", store_id, fitted["method"], len(found.rows))
    return len(due)


def _due(session: Session, now: datetime) -> list[tuple[int, str | None]]:
    """Stores with buyers whose newest model is too old, each with that model's method."""
    newest = select(func.max(ValueModel.id)).where(ValueModel.store_id == Store.id).correlate(Store).scalar_subquery()
    rows = session.execute(
        select(Store.id, ValueModel.method, ValueModel.fitted_at).outerjoin(ValueModel, ValueModel.id == newest)
    )
    found: list[tuple[int, str | None]] = []
    for store_id, method, fitted_at in rows:
        every = EVERY if method == "bg_nbd" else EVERY_WHILE_SMALL
        if fitted_at is None or fitted_at <= now - every:
            buyer = select(CustomerRhythm.customer_id).where(
                CustomerRhythm.store_id == store_id, CustomerRhythm.occasions > 0
            )
            if session.execute(buyer.limit(1)).first() is not None:
                found.append((store_id, method))
    return found


def _forget(session: Session, store_id: int) -> None:
    session.flush()
    kept = (
        select(ValueModel.id).where(ValueModel.store_id == store_id).order_by(ValueModel.id.desc()).limit(_KEPT)
    ).subquery()
    session.execute(
        delete(table_of(ValueModel)).where(ValueModel.store_id == store_id, ValueModel.id.not_in(select(kept.c.id)))
    )


def sample(session: Session, store_id: int) -> Sample:
    """The buyers that a fit looks at; two statements."""
    buyers = (CustomerRhythm.store_id == store_id, CustomerRhythm.occasions > 0)
    count, repeaters, first = session.execute(
        select(
            func.count(),
            func.count().filter(CustomerRhythm.occasions > 1),
            func.min(CustomerRhythm.first_order_at),
        ).where(*buyers)
    ).one()
    step = -(-count // SAMPLE)
    picked = select(*SUMMARY).where(*buyers).order_by(CustomerRhythm.customer_id)
    if step > 1:
        picked = picked.where(CustomerRhythm.customer_id % step == 0)
    return Sample(count, repeaters, first, session.execute(picked).all())


def fit(found: Sample, now: datetime) -> dict[str, Any]:
    """{"method", "reason", "figures"} of a model for these buyers."""
    rows = [row for row in found.rows if row.first_order_at <= now]
    occasions = sum(row.occasions for row in rows)
    cuts = rfm.thresholds_of(
        [max(0, int((now - row.last_order_at) / DAY)) for row in rows],
        [row.order_count for row in rows],
        [row.spent for row in rows],
    )
    averages = cohorts_of([_bought(row) for row in rows])
    spent = [
        spending.Spent(r.occasions - 1, r.repeat_spent / (r.occasions - 1))
        for r in rows
        if r.occasions > 1 and r.repeat_spent > 0
    ]
    figures: dict[str, Any] = {
        "order_average": sum(row.spent for row in rows) / occasions if occasions else 0.0,
        "reached": averages.reached,
        "gaps": averages.gaps,
        "amounts": averages.amounts,
        "thresholds": cuts.as_json(),
        "correlation": spending.correlation(spent),
    }
    reason = missing(found, now)
    if not reason:
        reason = _fit_models(rows, spent, now, figures)
    stored = Figures.model_validate(figures).model_dump(mode="json")
    return {"method": "cohorts" if reason else "bg_nbd", "reason": reason, "figures": stored}


def _bought(row: Any) -> Bought:
    gap = (row.last_occasion_at - row.first_order_at) / DAY / (row.occasions - 1) if row.occasions > 1 else None
    return Bought(row.occasions, gap, row.spent)


def missing(found: Sample, now: datetime) -> str:
    """Which data a model lacks, in a sentence; empty when there are enough."""
    weeks = (now - found.first_order_at) / (7 * DAY) if found.first_order_at else 0.0
    if found.buyers < LEAST_BUYERS:
        return f"A model needs {LEAST_BUYERS} buyers; there are {found.buyers}."
    if found.repeaters < LEAST_REPEATERS:
        return f"A model needs {LEAST_REPEATERS} customers who bought again; there are {found.repeaters}."
    if weeks < LEAST_WEEKS:
        return f"A model needs orders of {LEAST_WEEKS} weeks; the first is {weeks:.0f} weeks old."
    return ""


def _fit_models(rows: Sequence[Any], spent: Sequence[spending.Spent], now: datetime, figures: dict[str, Any]) -> str:
    histories = [Summary(r.occasions, r.first_order_at, r.last_occasion_at, r.repeat_spent).history(now) for r in rows]
    bought = purchasing.fit(histories)
    if bought is None:
        return (
            "BG/NBD does not hold here: it sees customers who hardly differ, or so few who leave that all would "
            "count as active for good."
        )
    amounts = spending.fit(spent)
    figures["purchasing"] = {"r": bought.r, "alpha": bought.alpha, "a": bought.a, "b": bought.b}
    figures["likelihood"] = bought.log_likelihood([(one, 1) for one in histories])
    if amounts is not None:
        figures["spending"] = {"p": amounts.p, "q": amounts.q, "gamma": amounts.gamma}
    return ""
