"""What mails brought beyond what would have happened anyway."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.experiments import words
from automation.insights.report import Asked, Cell, Column, Report, Table
from automation.models import Measurement


class Holdouts(Report):
    """What mailed customers bought beyond those who were held out for comparison, campaign by campaign.

    Every customer who was drawn counts in the group they were drawn into, whether a mail reached them or not, with all
    orders within the window from then on. Nobody's clicks matter.
    """

    title = "Lift over held-out customers"
    has_period = False
    has_segment = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a holdout, the newest first."""
        found = session.scalars(
            select(Measurement)
            .where(Measurement.store_id == asked.store_id, Measurement.kind == "holdout")
            .order_by(Measurement.started_at.desc(), Measurement.key)
        )
        return Table(_COLUMNS, [row_of(row) for row in found], asked.currency)


def row_of(row: Measurement) -> list[Cell]:
    """A measured holdout as a row of the table."""
    mailed, held = row.figures["groups"]
    conversion, revenue = row.figures["conversion"], row.figures["revenue"]
    return [
        row.title,
        row.step_id or "",
        row.started_at,
        row.ended_at,
        float(row.settings["window_days"]),
        mailed["people"],
        held["people"],
        *(conversion[name] for name in ("mailed", "held", "estimate", "low", "high")),
        words.of_lift(conversion, "conversion").short,
        conversion["missing"],
        *(_minor(revenue[name]) for name in ("mailed", "held", "estimate", "low", "high")),
        words.of_lift(revenue, "revenue").short,
        revenue["missing"],
        row.measured_at,
    ]


def _minor(value: Any) -> int | None:
    return None if value is None else round(value)


_SPAN = "Of a hundred such spans, ninety-five hold the true difference."
_MISSING = "How many more customers it takes to see a difference of a fifth of what is usual in four of five cases."
_COLUMNS = (
    Column("what", "What", definition="The campaign, or all mails of the store together."),
    Column("step", "Step", definition="Where the flow itself holds customers out."),
    Column("since", "Since", "time"),
    Column("until", "Until", "time", "Empty while customers are still drawn."),
    Column("window_days", "Window", "number", "Days from the moment of drawing within which orders count."),
    Column("mailed", "Mailed", "count", "Customers who were drawn to be mailed, whether a mail reached them or not."),
    Column("held", "Held out", "count", "Customers who were drawn to get nothing."),
    Column("conversion_mailed", "Ordered, mailed", "share", "The share of customers with an order in the window."),
    Column("conversion_held", "Ordered, held out", "share"),
    Column("conversion_lift", "Lift in orders", "share", "The first share less the second."),
    Column("conversion_low", "at least", "share", _SPAN),
    Column("conversion_high", "at most", "share"),
    Column("conversion_verdict", "Orders", definition="What may be concluded, by a rule that allows for daily looks."),
    Column("conversion_missing", "Missing", "count", _MISSING),
    Column(
        "revenue_mailed", "Spent, mailed", "money", "Per customer, net of refunds, those without an order included."
    ),
    Column("revenue_held", "Spent, held out", "money"),
    Column("revenue_lift", "Lift in revenue", "money", "Per customer: the first less the second."),
    Column("revenue_low", "at least", "money", _SPAN),
    Column("revenue_high", "at most", "money"),
    Column("revenue_verdict", "Revenue"),
    Column("revenue_missing", "Missing", "count", _MISSING),
    Column("measured_at", "Counted", "time"),
)
