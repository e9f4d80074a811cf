"""Experiments: what mails bring beyond what would have happened anyway, and which of several ways is the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, render_template
from sqlalchemy import select

from automation.insights.experiments import words
from automation.insights.experiments.words import Said
from automation.insights.report import Table
from automation.insights.reports.ab_tests import AbTests, rows_of
from automation.insights.reports.holdouts import Holdouts, row_of
from automation.models import Campaign, Measurement
from webapp.factory import the_app
from webapp.intervals import Scale, scale
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import Shown, shown

blueprint = Blueprint("experiments", __name__, url_prefix="/experiments")

METRICS = {
    "click": ("Clicked", "share"),
    "conversion": ("Ordered", "share"),
    "revenue": ("Revenue per person", "money"),
}
"""What a test may go by: its title, and how its figures are written."""
GRAVITY = ("red", "green", "blue", "yellow", "secondary")
"""Of two verdicts on one holdout, which is said first."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One outcome of a holdout."""

    name: str
    title: str
    kind: str
    lift: Mapping[str, Any]
    said: Said
    drawing: Scale | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of a test."""

    name: str
    title: str
    kind: str
    stands: Mapping[str, Any]
    drawing: Scale | None
    decides: bool


@dataclass(frozen=True, slots=True)
class Card:
    """An experiment as a page shows it."""

    row: Measurement
    campaign: str | None
    """The campaign's public id."""
    said: Said
    compared: tuple[Compared, ...] = ()
    judged: tuple[Judged, ...] = ()


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All experiments, running and ended."""
    store = the_store()
    with the_app().db.read() as session:
        found = session.execute(
            select(Measurement, Campaign.public_id)
            .outerjoin(Campaign, Campaign.id == Measurement.campaign_id)
            .where(Measurement.store_id == store.id)
            .order_by(Measurement.started_at.desc(), Measurement.id)
        ).all()
        tables = {name: shown(session, store, name, {}) for name in ("holdouts", "ab_tests")}
    cards = [card(row, public_id) for row, public_id in found]
    return render_template(
        "experiments/index.html",
        running=[c for c in cards if c.row.ended_at is None],
        ended=[c for c in cards if c.row.ended_at is not None],
        tables=tables,
        currency=store.currency,
    )


@blueprint.get("/<int:number>")
@permission("view")
def one(number: int) -> str:
    """One experiment with all its figures."""
    store = the_store()
    with the_app().db.read() as session:
        found = session.execute(
            select(Measurement, Campaign.public_id)
            .outerjoin(Campaign, Campaign.id == Measurement.campaign_id)
            .where(Measurement.store_id == store.id, Measurement.id == number)
        ).one_or_none() or abort(404)
        row = found[0]
        name = "ab_tests" if row.kind == "ab_test" else "holdouts"
        whole = shown(session, store, name, {})
    rows = rows_of(row) if row.kind == "ab_test" else [row_of(row)]
    table = Table(whole.table.columns, rows, store.currency)
    explained = AbTests if row.kind == "ab_test" else Holdouts
    return render_template(
        "experiments/one.html",
        card=card(row, found[1]),
        table=table,
        report=Shown(name, explained(), whole.asked, table, None),
        currency=store.currency,
    )


def card(row: Measurement, campaign: str | None) -> Card:
    """An experiment with what is said of it and how it is drawn."""
    if row.kind == "ab_test":
        judged = tuple(_judged(row.figures, name) for name in METRICS)
        said = words.of_test(row.figures, row.ended_at)
        return Card(row, campaign, said, judged=tuple(sorted(judged, key=lambda metric: not metric.decides)))
    compared = (
        _compared(row.figures["conversion"], "conversion", "Customers who ordered", "share"),
        _compared(row.figures["revenue"], "revenue", "Revenue per customer", "money"),
    )
    said = min((c.said for c in compared), key=lambda found: GRAVITY.index(found.tone))
    return Card(row, campaign, said, compared=compared)


def _compared(lift: Mapping[str, Any], name: str, title: str, kind: str) -> Compared:
    drawing = None
    if lift["estimate"] is not None:
        drawing = scale([(lift["low"], lift["estimate"], lift["high"], lift["always_low"], lift["always_high"])])
    return Compared(name, title, kind, lift, words.of_lift(lift, name), drawing)


def _judged(figures: Mapping[str, Any], name: str) -> Judged:
    title, kind = METRICS[name]
    stands = figures[name]
    arms = stands["arms"]
    drawing = None
    if all(arm["low"] is not None for arm in arms):
        drawing = scale([(arm["low"], arm["value"], arm["high"], None, None) for arm in arms], with_zero=False)
    return Judged(name, title, kind, stands, drawing, figures["metric"] == name)
