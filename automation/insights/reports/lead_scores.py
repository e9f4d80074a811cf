"""How warm customers are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.models import CustomerRhythm, CustomerScore

CLASSES: tuple[tuple[str, int], ...] = (
    ("0", 0),
    ("1 to 9", 1),
    ("10 to 24", 10),
    ("25 to 49", 25),
    ("50 and more", 50),
)
"""Words, and the least score."""


class LeadScores(Report):
    """Customers by their lead score, and how many of them have bought."""

    title = "Lead scores"
    has_period = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row for each class."""
        least = case(*((CustomerScore.lead_score >= n, n) for _, n in reversed(CLASSES[1:])), else_=0).label("least")
        each = (
            select(least, case((CustomerRhythm.order_count > 0, 1), else_=0).label("is_buyer"))
            .select_from(CustomerScore)
            .outerjoin(CustomerRhythm, CustomerRhythm.customer_id == CustomerScore.customer_id)
            .where(CustomerScore.store_id == asked.store_id, CustomerScore.scored_at.is_not(None))
        )
        customers = asked.customers(session)
        if customers is not None:
            each = each.where(CustomerScore.customer_id.in_(customers))
        one = each.subquery()
        counted = select(one.c.least, func.count().label("customers"), func.sum(one.c.is_buyer).label("buyers"))
        found = {row.least: row for row in session.execute(counted.group_by(one.c.least))}
        rows: list[tuple[Any, ...]] = [
            (words, found[n].customers, int(found[n].buyers)) if n in found else (words, 0, 0) for words, n in CLASSES
        ]
        return Table(
            (
                Column("score", "Lead score", definition="The sum of the store's lines, as of at most a week ago."),
                Column("customers", "Customers", "count"),
                Column("buyers", "Of them buyers", "count", "With an order that counts."),
            ),
            rows if found else [],
            asked.currency,
        )

    def chart(self, table: Table) -> dict[str, Any]:
        """Customers of each class."""
        return {
            "kind": "bar",
            "categories": table.column("score"),
            "series": [{"name": "Customers", "values": table.column("customers"), "tone": "primary"}],
        }
