"""Which of several ways was the best."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.experiments import words
from automation.insights.report import Asked, Cell, Column, Report, Table
from automation.models import Measurement


class AbTests(Report):
    """The ways that A/B tests tried, with what each brought and how likely it is the best.

    Clicks are counted after the customer was drawn into a way; orders and revenue are all that the customer bought
    within the window from then on, clicked or not.
    """

    title = "A/B tests"
    has_period = False
    has_segment = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a way, the newest test first."""
        found = session.scalars(
            select(Measurement)
            .where(Measurement.store_id == asked.store_id, Measurement.kind == "ab_test")
            .order_by(Measurement.started_at.desc(), Measurement.key)
        )
        return Table(_COLUMNS, [row for test in found for row in rows_of(test)], asked.currency)


def rows_of(row: Measurement) -> list[list[Cell]]:
    """A measured test as rows of the table."""
    metric = row.figures["metric"]
    said = words.of_test(row.figures, row.ended_at)
    return [
        [
            row.title,
            row.step_id or "",
            row.started_at,
            row.ended_at,
            metric,
            arm["arm"],
            arm["people"],
            *(_each(arm[name], arm["people"]) for name in ("clicked", "converted")),
            round(arm["revenue"] / arm["people"]) if arm["people"] else None,
            row.figures[metric]["arms"][place]["chance"],
            said.short,
            "yes" if row.figures["winner"] == arm["arm"] else "",
            row.measured_at,
        ]
        for place, arm in enumerate(row.figures["groups"])
    ]


def _each(count: int, people: int) -> float | None:
    return count / people if people else None


_COLUMNS = (
    Column("campaign", "Campaign"),
    Column("step", "Step"),
    Column("since", "Since", "time"),
    Column("until", "Until", "time", "When it was decided, or the campaign was changed."),
    Column("metric", "By", definition="What the test goes by, per person: clicks, orders or revenue."),
    Column("way", "Way"),
    Column("people", "People", "count", "Customers who were drawn into the way; each counts once."),
    Column("clicked", "Clicked", "share", "Customers who clicked in a mail afterwards."),
    Column("ordered", "Ordered", "share", "Customers with an order within the window, whether they clicked or not."),
    Column("revenue", "Revenue each", "money", "Per customer, net of refunds, those without an order included."),
    Column("chance", "Best", "share", "How likely it is that the way is the best by what the test goes by."),
    Column("verdict", "Result", definition="By a rule that allows for daily looks: at most one in twenty is wrong."),
    Column("in_use", "In use", definition="The way that all who come now take."),
    Column("measured_at", "Counted", "time"),
)
