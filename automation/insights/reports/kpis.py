"""The key figures, told apart by whatever one likes, beside those of another period."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from automation.insights.kpis.counting import Counted, count, others
from automation.insights.kpis.dimensions import DIMENSIONS, MOST_SEGMENTS, Dimension, dimension, shown
from automation.insights.kpis.figures import COLUMNS, Known, work_out
from automation.insights.periods import Period
from automation.insights.report import Asked, Cell, Column, Report, Table

MOST = 200
"""Rows of a table, those with the most revenue first."""
NOW, BEFORE = "this period", {"previous": "the period before", "year": "the year before"}


class Kpis(Report):
    """Revenue, orders, carts, mails and the list: every key figure with its definition, net of what was refunded."""

    title = "Key figures"
    options = {"by": {name: words for name, (words, _) in DIMENSIONS.items()}}  # noqa: RUF012  declared by the contract

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a value, two where another period stands beside it."""
        name = asked.options.get("by", "store")
        periods = {NOW: asked.period}
        if asked.against:
            periods[BEFORE[asked.against]] = asked.period.before(asked.against)
        rows, left_out = figures_of(session, asked, name, periods)
        columns = (Column("value", DIMENSIONS[name][0].capitalize()), Column("period", "Period"), *COLUMNS)
        return Table(columns, rows, asked.currency, _note(session, asked, name, left_out))

    def chart(self, table: Table) -> dict[str, Any] | None:
        """Net revenue of the first values as bars, those of the other period beside them."""
        tags = list(dict.fromkeys(table.column("period")))
        values = list(dict.fromkeys(table.column("value")))[:15]
        if len(values) < 2:
            return None
        net = {(row[0], row[1]): row[7] for row in table.rows}
        tones = ("primary", "secondary")
        return {
            "kind": "bar",
            "unit": "money",
            "categories": values,
            "series": [
                {"name": f"Net of refunds, {tag}", "values": [net.get((value, tag)) for value in values], "tone": tone}
                for tag, tone in zip(tags, tones, strict=False)
            ],
        }


def figures_of(session: Session, asked: Asked, name: str, periods: dict[str, Period]) -> tuple[list[list[Cell]], int]:
    """[value, period's tag, *figures as `COLUMNS` lists them], the most revenue first; how many values are left out."""
    by = dimension(session, asked, name)
    counted = count(session, asked, by, periods)
    known = known_of(by)
    tags = list(periods)
    values = sorted({value for _, value in counted})
    values.sort(key=lambda value: [-_net(counted.get((tag, value))) for tag in tags])
    if name == "store":
        values = [""]
    rows: list[list[Cell]] = [
        [shown(name, value), tag, *work_out(counted.get((tag, value), Counted()), known)]
        for value in values[:MOST]
        for tag in tags
    ]
    return rows, max(0, len(values) - MOST)


def known_of(by: Dimension) -> Known:
    """What a dimension can tell of."""
    return Known(bool(by.carts), bool(by.mails), bool(by.clicks), bool(by.consents))


def _net(counted: Counted | None) -> int:
    return counted.get("sales", 1) - counted.get("sales", 2) if counted else 0


def _note(session: Session, asked: Asked, name: str, left_out: int) -> str:
    told = [f"{number:,} orders in {currency} are not in these figures." for currency, number in others(session, asked)]
    if left_out:
        told.append(f"{left_out:,} further values, those with the least revenue, are left out.")
    if name == "segment":
        told.append(f"A customer may be in several segments; the first {MOST_SEGMENTS} by name are shown.")
    return " ".join(told)
