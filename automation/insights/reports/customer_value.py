"""What is expected of customers by how often they bought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.models import CustomerRhythm, CustomerScore

CLASSES: tuple[tuple[str, int], ...] = (
    ("1", 1),
    ("2", 2),
    ("3", 3),
    ("4 to 5", 4),
    ("6 to 10", 6),
    ("11 and more", 11),
)
"""Words, and the least number of orders."""

COLUMNS = (
    Column("orders", "Orders so far", definition="Cancelled orders and those refunded in full do not count."),
    Column("customers", "Customers", "count"),
    Column(
        "expected_orders",
        "Orders to come, each",
        "number",
        "The mean of what is expected within the horizon.",
    ),
    Column(
        "lifetime_value",
        "Lifetime value each",
        "money",
        "Orders to come times what one of theirs brings: net of refunds, before costs, not discounted.",
    ),
    Column("total", "Lifetime value of all", "money"),
    Column(
        "alive",
        "Will buy again",
        "share",
        "The mean probability of buying again at all. Under BG/NBD whoever bought once counts as active: "
        "the model lets customers leave only after a repeat purchase.",
    ),
)


class CustomerValue(Report):
    """What customers are expected to order and pay within the store's horizon, by how often they bought so far."""

    title = "Expected customer value"
    has_period = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row for each class with anybody in it."""
        least = case(
            *((CustomerRhythm.order_count >= n, n) for _, n in reversed(CLASSES[1:])), else_=CLASSES[0][1]
        ).label("least")
        each = (
            select(
                least,
                CustomerScore.expected_orders,
                CustomerScore.lifetime_value,
                CustomerScore.alive,
            )
            .join(CustomerRhythm, CustomerRhythm.customer_id == CustomerScore.customer_id)
            .where(CustomerScore.store_id == asked.store_id, CustomerScore.lifetime_value.is_not(None))
        )
        customers = asked.customers(session)
        if customers is not None:
            each = each.where(CustomerScore.customer_id.in_(customers))
        # Grouped outside: PostgreSQL takes an expression with parameters for another one in its GROUP BY.
        one = each.subquery()
        found = {
            row.least: row
            for row in session.execute(
                select(
                    one.c.least,
                    func.count().label("customers"),
                    func.avg(one.c.expected_orders).label("orders"),
                    func.avg(one.c.lifetime_value).label("value"),
                    func.sum(one.c.lifetime_value).label("total"),
                    func.avg(one.c.alive).label("alive"),
                ).group_by(one.c.least)
            )
        }
        return Table(
            COLUMNS,
            [_row(words, found[n]) for words, n in CLASSES if n in found],
            asked.currency,
        )

    def chart(self, table: Table) -> dict[str, Any]:
        """Lifetime value of one, by class."""
        return {
            "kind": "bar",
            "unit": "money",
            "categories": table.column("orders"),
            "series": [{"name": "Lifetime value each", "values": table.column("lifetime_value"), "tone": "primary"}],
        }


def _row(words: str, row: Any) -> tuple[Any, ...]:
    orders = round(float(row.orders), 2)
    return words, row.customers, orders, round(float(row.value)), int(row.total), float(row.alive)
