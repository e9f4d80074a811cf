"""What customers are worth: the RFM map, expected values, and the lead score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select
from werkzeug.wrappers import Response

from automation.actions import values
from automation.errors import CartwheelError, NotAllowed
from automation.insights.report import Column, Table
from automation.insights.reports.rfm_map import heat
from automation.insights.value import fitting, lead, rfm
from automation.insights.value.cohorts import LONGEST
from automation.insights.value.model import Figures, model_of
from automation.insights.value.scoring import standards
from automation.models import Store, ValueModel
from automation.money import decimal_text, minor_units
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import customers
from webapp.queries.scores import EVENTS, earned, line_words, segment_names
from webapp.reporting import drawable, shown

blueprint = Blueprint("values", __name__, url_prefix="/values")

SHOW = {"customers": "Customers", "spent": "Spent", "lifetime_value": "Expected lifetime value"}


class Horizon(BaseModel):
    """How far lifetime value looks ahead."""

    horizon_days: int = Field(
        365,
        ge=values.LEAST_HORIZON,
        le=values.MOST_HORIZON,
        description="Days that expected orders and lifetime value look ahead.",
    )


@blueprint.get("/")
@permission("view")
def index() -> str:
    """Expected orders and lifetime value, and how they are worked out."""
    return _index_page()


def _index_page(form: Form | None = None) -> str:
    store = the_store()
    with the_app().db.read() as session:
        by = standards(session, [store.id])[store.id]
        row = session.get(ValueModel, by.model_id) if by.model_id else None
        found = shown(session, store, "customer_value", {})
        history = session.scalars(
            select(ValueModel).where(ValueModel.store_id == store.id).order_by(ValueModel.id.desc()).limit(8)
        ).all()
    figures = Figures.model_validate(row.figures) if row else None
    return render_template(
        "values/index.html",
        row=row,
        figures=figures,
        gates=_gates(row),
        usual_amount=_usual(row),
        found=found,
        cohorts=_cohorts(figures, store.currency) if figures else None,
        history=history,
        horizon_days=by.horizon_days,
        form=form or draw(Horizon, {"horizon_days": by.horizon_days}),
        currency=store.currency,
    )


def _usual(row: ValueModel | None) -> int | None:
    spending = model_of(row.figures).spending if row else None
    return round(spending.usual) if spending else None


def _gates(row: ValueModel | None) -> list[tuple[str, bool, str]]:
    """(what a model needs, whether it is there, what there is)."""
    if row is None:
        return []
    weeks = int((row.fitted_at - row.first_order_at).days / 7) if row.first_order_at else 0
    return [
        (f"{fitting.LEAST_BUYERS} buyers", row.buyers >= fitting.LEAST_BUYERS, f"{row.buyers:,}"),
        (f"{fitting.LEAST_REPEATERS} who bought again", row.repeaters >= fitting.LEAST_REPEATERS, f"{row.repeaters:,}"),
        (f"orders of {fitting.LEAST_WEEKS} weeks", weeks >= fitting.LEAST_WEEKS, f"{weeks:,} weeks"),
    ]


def _cohorts(figures: Figures, currency: str) -> Table:
    averages = model_of(figures.model_dump()).cohorts
    return Table(
        (
            Column("purchases", "Purchases"),
            Column("reached", "Customers", "count", "Who came at least as far."),
            Column("share", "Bought again", "share", "With one success and one failure added."),
            Column("gap", "Usual gap, days", "count", "The median of those who came at least as far."),
            Column("amount", "Average order", "money", "Of those who came at least as far."),
        ),
        [
            (
                f"{n} and more" if n == LONGEST else str(n),
                averages.reached[n - 1],
                averages.share(n),
                round(averages.gap(n)),
                round(averages.amount(n)),
            )
            for n in range(1, LONGEST + 1)
        ],
        currency,
    )


@blueprint.post("/")
@permission("manage")
def choose_horizon() -> Response | tuple[str, int]:
    """Look farther ahead, or less far."""
    app = the_app()
    typed, form = read(Horizon, request.form)
    if not isinstance(typed, Horizon):
        return _index_page(form), 422
    with app.db.write() as session:
        values.choose_horizon(session, the_store().id, typed.horizon_days, app.clock(), current_admin().id)
    flash("The horizon is stored. Everybody is worked out again, which may take a few minutes.")
    return redirect(url_for("values.index"), 303)


@blueprint.get("/rfm")
@permission("view")
def rfm_map() -> str:
    """The map of recency and frequency, the groups, and the thresholds behind both."""
    return _rfm_page()


def _rfm_page(typed: Mapping[str, str] | None = None, error: str = "") -> str:
    store = the_store()
    show = request.args.get("show", "customers")
    show = show if show in SHOW else "customers"
    with the_app().db.read() as session:
        by = standards(session, [store.id])[store.id]
        found = shown(session, store, "rfm_map", {})
        groups = shown(session, store, "rfm_groups", {})
    own = by.own_thresholds
    quantiles = by.model.thresholds if by.model else rfm.Thresholds()
    return render_template(
        "values/rfm.html",
        found=found,
        groups=groups,
        chart=drawable(heat(found.table, show), found.table) if found.table.rows else None,
        show=show,
        choices=SHOW,
        thresholds=by.thresholds,
        told={name: _written(store, name, getattr(quantiles, name)) for name in rfm.NAMES},
        typed=typed or {f"{n}_{i}": v for n in own for i, v in enumerate(_written(store, n, own[n]))},
        names=rfm.NAMES,
        error=error,
        currency=store.currency,
    )


def _written(store: Store, name: str, cuts: Any) -> list[str]:
    return [decimal_text(cut, store.currency) if name == "monetary" else str(cut) for cut in cuts]


@blueprint.post("/rfm")
@permission("manage")
def choose_thresholds() -> Response | tuple[str, int]:
    """Take the store's own thresholds where all four of a line are typed, its quantiles where none is."""
    app, store = the_app(), the_store()
    try:
        own = {name: cuts for name in rfm.NAMES if (cuts := _typed_cuts(store, name)) is not None}
        with app.db.write() as session:
            values.choose_thresholds(session, store.id, own, app.clock(), current_admin().id)
    except CartwheelError as refused:
        return _rfm_page(request.form.to_dict(), str(refused)), 422
    flash("The thresholds are stored. Everybody is worked out again, which may take a few minutes.")
    return redirect(url_for("values.rfm_map"), 303)


def _typed_cuts(store: Store, name: str) -> list[int] | None:
    typed = [request.form.get(f"{name}_{i}", "").strip() for i in range(rfm.CUTS)]
    if not any(typed):
        return None
    try:
        if name == "monetary":
            return [minor_units(value, store.currency) for value in typed]
        return [int(value) for value in typed]
    except (ValueError, CartwheelError):
        raise NotAllowed(f"{name.capitalize()}: type four numbers, or leave all four empty.") from None


SPARE = 2
"""Empty lines below those that there are."""


@blueprint.get("/lead")
@permission("view")
def lead_score() -> str:
    """What a lead score counts, and who has how much."""
    return _lead_page()


def _lead_page(typed: list[dict[str, str]] | None = None, error: str = "") -> str:
    store = the_store()
    with the_app().db.read() as session:
        by = standards(session, [store.id])[store.id]
        found = shown(session, store, "lead_scores", {})
        names = segment_names(session, store.id)
    rows = typed if typed is not None else [_as_typed(line) for line in by.lines]
    return render_template(
        "values/lead.html",
        found=found,
        rows=[*rows, *[{} for _ in range(SPARE)]][: lead.MOST_LINES],
        words=[line_words(line, names) for line in by.lines] if typed is None else [],
        events=EVENTS,
        segments=sorted(names.items(), key=lambda one: one[1]),
        is_usual=by.lines == lead.USUAL,
        error=error,
    )


def _as_typed(line: lead.Line) -> dict[str, str]:
    what = f"segment:{line.segment}" if line.segment else line.event if line.event in EVENTS else "other"
    return {
        "what": what or "",
        "event": (line.event or "") if what == "other" else "",
        "points": str(line.points),
        "half_life_days": str(line.half_life_days),
        "most": str(line.most),
    }


@blueprint.post("/lead")
@permission("manage")
def choose_lines() -> Response | tuple[str, int]:
    """Count something else, or the usual again."""
    app, store = the_app(), the_store()
    typed = [] if request.form.get("usual") else _typed_lines()
    try:
        lines = None if request.form.get("usual") else [_line(row) for row in typed]
        with app.db.write() as session:
            values.choose_lines(session, store.id, lines, app.clock(), current_admin().id)
    except NotAllowed as refused:
        return _lead_page(typed, str(refused)), 422
    flash("The lines are stored. Everybody is worked out again, which may take a few minutes.")
    return redirect(url_for("values.lead_score"), 303)


def _typed_lines() -> list[dict[str, str]]:
    """The lines with anything chosen, as they were typed."""
    names = ("what", "event", "points", "half_life_days", "most")
    rows = [{n: request.form.get(f"{n}_{i}", "").strip() for n in names} for i in range(lead.MOST_LINES)]
    return [row for row in rows if row["what"]]


def _line(row: Mapping[str, str]) -> dict[str, Any]:
    """A line as it is stored; what is no number stays as it was typed, to be complained of."""
    what = row["what"]
    about: dict[str, Any] = {"event": row["event"] if what == "other" else what}
    if what.startswith("segment:"):
        number = what.removeprefix("segment:")
        about = {"segment": int(number) if number.isdecimal() and len(number) < 19 else 0}
    figures = {name: row[name] for name in ("points", "half_life_days", "most") if row[name]}
    return {**about, **figures}


@blueprint.get("/of/<public_id>")
@permission("view")
def of_customer(public_id: str) -> str:
    """Where one customer's group, value and lead score come from."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        customer = customers.one(session, store.id, public_id) or abort(404)
        found = customer.standing
        lines = earned(session, store.id, customer.id, app.clock())
    total = lead.total(one for _, one in lines)
    return render_template("values/of.html", customer=customer, standing=found, lines=lines, lead_now=total)
