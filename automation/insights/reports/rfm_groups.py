"""What the RFM groups are worth."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.insights.value.rfm import GROUPS
from automation.models import CustomerRhythm, CustomerScore


class RfmGroups(Report):
    """The groups that recency and frequency make, with what they spent and what is expected of them."""

    title = "RFM groups"
    has_period = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row for each group with anybody in it, the best first."""
        query = (
            select(
                CustomerScore.rfm_group,
                func.count().label("customers"),
                func.sum(CustomerRhythm.spent).label("spent"),
                func.avg(CustomerScore.lifetime_value).label("value"),
                func.avg(CustomerScore.alive).label("alive"),
            )
            .join(CustomerRhythm, CustomerRhythm.customer_id == CustomerScore.customer_id)
            .where(CustomerScore.store_id == asked.store_id, CustomerScore.rfm_group.is_not(None))
            .group_by(CustomerScore.rfm_group)
        )
        customers = asked.customers(session)
        if customers is not None:
            query = query.where(CustomerScore.customer_id.in_(customers))
        found = {row.rfm_group: row for row in session.execute(query)}
        everybody = sum(row.customers for row in found.values())
        spent = sum(int(row.spent) for row in found.values())
        return Table(
            (
                Column("group", "Group"),
                Column("who", "Who"),
                Column("customers", "Customers", "count", "Who bought at least once and is in the group now."),
                Column("share", "Share", "share", "Of all buyers."),
                Column(
                    "spent", "Spent", "money", "What they paid so far, net of refunds; cancelled orders do not count."
                ),
                Column("share_spent", "Share of that", "share", "Of what all buyers spent."),
                Column(
                    "lifetime_value",
                    "Lifetime value each",
                    "money",
                    "The mean of what one is expected to pay within the horizon.",
                ),
                Column("alive", "Will buy again", "share", "The mean probability that one buys again at all."),
                Column("advice", "What helps"),
            ),
            [_row(group, found[group], everybody, spent) for group in GROUPS if group in found],
            asked.currency,
        )

    def chart(self, table: Table) -> dict[str, Any]:
        """Customers in each group."""
        return {
            "kind": "bar",
            "categories": table.column("group"),
            "series": [{"name": "Customers", "values": table.column("customers"), "tone": "primary"}],
        }


def _row(group: str, row: Any, everybody: int, spent: int) -> tuple[Any, ...]:
    told = GROUPS[group]
    return (
        told.words,
        f"They {told.who}.",
        row.customers,
        row.customers / everybody,
        int(row.spent),
        int(row.spent) / spent if spent else None,
        None if row.value is None else round(float(row.value)),
        None if row.alive is None else float(row.alive),
        told.advice,
    )
