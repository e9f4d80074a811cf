"""What the shop sold, day by day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.models import Order
from automation.times import local_date


class RevenuePerDay(Report):
    """Orders that were placed on each day and not cancelled, with what was paid and given back for them."""

    title = "Revenue per day"

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a day, days without an order included."""
        query = select(Order.placed_at, Order.total, Order.refunded).where(
            Order.store_id == asked.store_id,
            Order.placed_at >= asked.period.since,
            Order.placed_at < asked.period.until,
            Order.cancelled_at.is_(None),
            Order.currency == asked.currency,
        )
        customers = asked.customers(session)
        if customers is not None:
            query = query.where(Order.customer_id.in_(customers))
        found: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
        for placed_at, total, refunded in session.execute(query):
            day = found[local_date(placed_at, asked.period.zone)]
            day[0] += 1
            day[1] += total
            day[2] += refunded
        return Table(
            (
                Column("day", "Day", "date"),
                Column("orders", "Orders", "count", "Placed on that day and not cancelled since."),
                Column("gross", "Gross", "money", "What customers paid, taxes and shipping included."),
                Column("net", "Net of refunds", "money", "Gross less what was given back, whenever that was."),
            ),
            [(day, n, gross, gross - back) for day in asked.period.dates() for n, gross, back in [found[day]]],
            asked.currency,
        )

    def chart(self, table: Table) -> dict[str, Any]:
        """Net revenue as a line."""
        return {
            "kind": "line",
            "unit": "money",
            "categories": [day.isoformat() for day in table.column("day")],
            "series": [{"name": "Net of refunds", "values": table.column("net"), "tone": "primary"}],
        }
