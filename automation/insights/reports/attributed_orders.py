"""The orders that count for mails, each with the click that decided it."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.models import Campaign, Conversion, Message, Order, Template, TemplateVersion

MOST = 500


class AttributedOrders(Report):
    """Orders of the period that count for a mail: for which, and by which click."""

    title = "Attributed orders"

    def table(self, session: Session, asked: Asked) -> Table:
        """One row an order, the newest first; cancelled ones are none."""
        query = (
            select(
                Order.id,
                Order.number,
                Order.placed_at,
                Order.total - Order.refunded,
                func.coalesce(Campaign.name, ""),
                Template.title,
                Conversion.kind,
                Conversion.clicked_at,
                Conversion.link,
            )
            .select_from(Conversion)
            .join(Order, Order.id == Conversion.order_id)
            .join(Message, Message.id == Conversion.message_id)
            .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
            .join(Template, Template.id == TemplateVersion.template_id)
            .outerjoin(Campaign, Campaign.id == Conversion.campaign_id)
            .where(
                Conversion.store_id == asked.store_id,
                Conversion.at >= asked.period.since,
                Conversion.at < asked.period.until,
                Order.cancelled_at.is_(None),
                Order.currency == asked.currency,
            )
            .order_by(Conversion.at.desc(), Order.id.desc())
            .limit(MOST + 1)
        )
        if (customers := asked.customers(session)) is not None:
            query = query.where(Order.customer_id.in_(customers))
        rows = [tuple(row) for row in session.execute(query)]
        note = f"The newest {MOST} of them." if len(rows) > MOST else ""
        return Table(_COLUMNS, rows[:MOST], asked.currency, note)


_COLUMNS = (
    Column("id", "Order's id", "count"),
    Column("number", "Number"),
    Column("placed_at", "Placed", "time"),
    Column("net", "Net of refunds", "money", "What was charged less what went back since."),
    Column("campaign", "Campaign"),
    Column("mail", "Mail"),
    Column("kind", "By", "text", "click; or open, where the settings let opens count and nobody clicked."),
    Column("clicked_at", "Clicked", "time", "The last click by a person within the window before the order."),
    Column("link", "Link", "count", "Number of the link in the mail."),
)
