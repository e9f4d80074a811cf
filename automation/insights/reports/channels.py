"""Which ways bring customers who come back, not only customers who come."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, case, cast, func, literal_column, select
from sqlalchemy.orm import Session

from automation.insights.kpis.figures import rounded, share
from automation.insights.report import Asked, Cell, Column, Report, Table
from automation.insights.touches.channels import CHANNELS, DEVICES
from automation.models import Customer, CustomerTouch, Order

MOST = 200


class Channels(Report):
    """Customers who became known in the period, by how they came first: how many bought, came back, and what they left.

    All of their orders until now count, so the customers of a young period have had less time to come back.
    """

    title = "Where customers come from"
    options = {  # noqa: RUF012  declared by the contract
        "touch": {"first": "their first touch", "last": "their last touch"},
        "by": {
            "channel": "channel",
            "source": "utm_source",
            "medium": "utm_medium",
            "campaign": "utm_campaign",
            "referrer": "page before",
            "device": "device",
            "country": "country",
        },
    }

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a value; one statement over the customers of the period and their orders."""
        touch, by = asked.options.get("touch", "first"), asked.options.get("by", "channel")
        one = _each(session, asked, touch, by)
        found = session.execute(
            select(
                one.c.value,
                func.count(),
                func.sum(case((one.c.orders > 0, 1), else_=0)),
                func.sum(case((one.c.orders > 1, 1), else_=0)),
                func.sum(one.c.orders),
                func.sum(one.c.net),
            )
            .group_by(one.c.value)
            .order_by(func.sum(one.c.net).desc(), one.c.value)
            .limit(MOST)
        )
        words = {"channel": CHANNELS, "device": DEVICES}.get(by, {})
        rows = [_row(words.get(value, value or "Not known"), *map(int, numbers)) for value, *numbers in found]
        return Table(_columns(self.options["by"][by]), rows, asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """The part that came back, of each way's buyers."""
        rows = [row for row in table.rows if row[5] is not None][:12]
        return {
            "kind": "bar",
            "unit": "share",
            "categories": [row[0] for row in rows],
            "series": [{"name": "Repeat rate", "values": [row[5] for row in rows], "tone": "primary"}],
        }


def _each(session: Session, asked: Asked, touch: str, by: str) -> Any:
    """Each customer of the period: the value they belong to, and how many orders they left, with what revenue."""
    if by == "country":
        key: Any = func.coalesce(Customer.country, "")
    else:
        usual = "unknown" if by == "channel" else ""
        key = func.coalesce(cast(getattr(CustomerTouch, f"{touch}_{by}"), String), usual)
    net = Order.total - Order.refunded
    stands = (Order.customer_id == Customer.id) & Order.cancelled_at.is_(None) & (Order.currency == asked.currency)
    columns: list[Any] = [
        key.label("value"),
        Customer.id,
        func.count(Order.id).label("orders"),
        func.coalesce(func.sum(net), 0).label("net"),
    ]
    each = (
        select(*columns)
        .outerjoin(CustomerTouch, CustomerTouch.customer_id == Customer.id)
        .outerjoin(Order, stands & (Order.store_id == asked.store_id))
        .where(
            Customer.store_id == asked.store_id,
            Customer.erased_at.is_(None),
            Customer.created_at >= asked.period.since,
            Customer.created_at < asked.period.until,
        )
        .group_by(literal_column("1"), Customer.id)
    )
    if (customers := asked.customers(session)) is not None:
        each = each.where(Customer.id.in_(customers))
    return each.subquery()


def _row(value: str, people: int, buyers: int, again: int, orders: int, net: int) -> tuple[Cell, ...]:
    return (
        value,
        people,
        buyers,
        share(buyers, people),
        again,
        share(again, buyers),
        orders,
        net,
        rounded(net, people),
        rounded(net, buyers),
    )


def _columns(by: str) -> tuple[Column, ...]:
    return (
        Column("value", by.capitalize()),
        Column("customers", "Customers", "count", "Became known in the period and came this way."),
        Column("buyers", "Buyers", "count", "Of those, who placed an order since that was not cancelled."),
        Column("bought", "Bought", "share", "Buyers by customers."),
        Column("came_back", "Came back", "count", "Buyers with two orders or more."),
        Column("repeat", "Repeat rate", "share", "Of the buyers, those who came back."),
        Column("orders", "Orders", "count", "Of those customers, until now."),
        Column("net", "Net revenue", "money", "What those orders were charged, less refunds."),
        Column("per_customer", "Per customer", "money", "Net revenue by customers."),
        Column("lifetime", "Lifetime value", "money", "Net revenue by buyers."),
    )
