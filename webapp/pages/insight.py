"""Insight at a glance: the key figures beside those of another time, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from automation.insights.kpis.figures import COLUMNS
from automation.insights.report import Asked, Cell, Column, Table, report
from automation.insights.reports.kpis import BEFORE, NOW, figures_of
from webapp.factory import the_app
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import Shown, asked_of, asked_values, choices, drawable

blueprint = Blueprint("insight", __name__, url_prefix="/insight")

BOARDS: dict[str, tuple[str, ...]] = {
    "Sales": ("net", "orders", "aov", "margin", "cart_value", "conversion"),
    "Customers": ("buyers", "repeat", "lifetime", "second_days", "growth"),
    "Mails": ("mail_net", "per_mail", "per_recipient", "mail_orders", "click_rate", "mails"),
}
"""Title of a board → the figures on it."""
WORSE_WHEN_MORE = frozenset({"second_days", "cancelled", "refunded", "left"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure, then and now."""

    column: Column
    now: Cell
    previous: Cell
    year: Cell

    def change(self, before: Cell) -> float | None:
        """By which part of it the figure grew; None where that says nothing."""
        if not isinstance(self.now, int | float) or not isinstance(before, int | float) or not before:
            return None
        return (self.now - before) / abs(before)

    def tone(self, change: float | None) -> str:
        """Green for better, red for worse."""
        if not change:
            return "secondary"
        return "green" if (change > 0) != (self.column.key in WORSE_WHEN_MORE) else "red"


@blueprint.get("/")
@permission("view")
def index() -> str | tuple[str, int]:
    """The boards and the small charts."""
    with the_app().db.read() as session:
        values, error = asked_values(session, the_store(), "kpis")
        asked = replace(asked_of(session, the_store(), report("kpis"), values), options={"by": "store"}, against=None)
        compared = _compared(session, asked)
        charts = [_chart(session, asked, name, options) for name, options in SMALL]
        offered = choices(session)
    page = render_template(
        "insight/index.html",
        shown=Shown("kpis", report("revenue_per_day"), asked, Table((), [], asked.currency), None),
        boards={title: [compared[key] for key in keys] for title, keys in BOARDS.items()},
        is_empty=not any(one.now for one in compared.values()),
        currency=asked.currency,
        charts=charts,
        definitions=Table(COLUMNS, [], asked.currency),
        error=error,
        **offered,
    )
    return (page, 422) if error else page


SMALL: tuple[tuple[str, dict[str, str]], ...] = (
    ("revenue_per_day", {}),
    ("kpis", {"by": "channel"}),
    ("channels", {"by": "channel"}),
)
"""Reports whose charts stand on the page."""


def _compared(session: Session, asked: Asked) -> dict[str, Compared]:
    periods = {
        NOW: asked.period,
        BEFORE["previous"]: asked.period.before("previous"),
        BEFORE["year"]: asked.period.before("year"),
    }
    rows, _ = figures_of(session, asked, "store", periods)
    now, previous, year = (row[2:] for row in rows)
    return {column.key: Compared(column, *cells) for column, *cells in zip(COLUMNS, now, previous, year, strict=True)}


def _chart(session: Session, asked: Asked, name: str, options: dict[str, str]) -> dict[str, Any]:
    found = report(name)
    table = found.table(session, replace(asked, options=options))
    title = f"{found.title} by {options['by']}" if options else found.title
    chart = drawable(found.chart(table), table) if table.rows else None
    return {"name": name, "title": title, "options": options, "table": table, "chart": chart}
