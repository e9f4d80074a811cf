"""What became of the mails, by who runs the mailbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, literal_column, select
from sqlalchemy.orm import Session

from automation.insights.kpis.figures import share
from automation.insights.mailboxes import domain_in_sql, provider_of
from automation.insights.report import Asked, Column, Report, Table
from automation.models import Customer, Message

COUNTS = ("sent", "delivered", "bounced", "complained", "opened", "clicked", "unsubscribed")


class Deliverability(Report):
    """Mails of the period by mailbox provider: a provider that likes them less than the others do stands out.

    Providers are told by the domain of the address that the customer has now; of those who were erased none is known.
    """

    title = "Deliverability"

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a provider; one statement over the mails of the period, grouped by domain."""
        query = (
            select(
                domain_in_sql(Customer.email_key),
                func.count(),
                *(func.sum(case((getattr(Message, f"{name}_at").is_not(None), 1), else_=0)) for name in COUNTS[1:]),
            )
            .join(Customer, Customer.id == Message.customer_id)
            .where(
                Message.store_id == asked.store_id,
                Message.accepted_at >= asked.period.since,
                Message.accepted_at < asked.period.until,
                Message.accepted_at.is_not(None),
                Message.is_test.is_(False),
            )
            .group_by(literal_column("1"))
        )
        if (customers := asked.customers(session)) is not None:
            query = query.where(Message.customer_id.in_(customers))
        sums: dict[str, list[int]] = {}
        for domain, *numbers in session.execute(query):
            name = provider_of(domain) if domain else "Erased"
            mine = sums.setdefault(name, [0] * len(COUNTS))
            for index, number in enumerate(numbers):
                mine[index] += int(number)
        ordered = sorted(sums.items(), key=lambda one: (-one[1][0], one[0]))
        return Table(_COLUMNS, [_row(name, numbers) for name, numbers in ordered], asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """The parts that bounced and that were complained about."""
        rows = table.rows[:12]
        return {
            "kind": "bar",
            "unit": "share",
            "categories": [row[0] for row in rows],
            "series": [
                {"name": "Bounced", "values": [row[5] for row in rows], "tone": "yellow"},
                {"name": "Complained", "values": [row[7] for row in rows], "tone": "red"},
            ],
        }


def _row(name: str, numbers: list[int]) -> tuple[str | int | float | None, ...]:
    sent, delivered, bounced, complained, opened, clicked, unsubscribed = numbers
    return (
        name,
        sent,
        delivered,
        share(delivered, sent),
        bounced,
        share(bounced, sent),
        complained,
        share(complained, delivered),
        opened,
        share(opened, delivered),
        clicked,
        share(clicked, delivered),
        unsubscribed,
        share(unsubscribed, delivered),
    )


_COLUMNS = (
    Column("provider", "Mailbox provider"),
    Column("sent", "Sent", "count", "Accepted by your mail provider in the period."),
    Column("delivered", "Delivered", "count", "Of those, taken by the mailbox provider."),
    Column("delivered_rate", "Delivery rate", "share", "Delivered by sent."),
    Column("bounced", "Bounced", "count", "Sent back for good."),
    Column("bounce_rate", "Bounce rate", "share", "Bounced by sent."),
    Column("complained", "Complained", "count", "Marked as spam, where the mailbox provider tells; Gmail does not."),
    Column("complaint_rate", "Complaint rate", "share", "Complained by delivered; 0.1 % is much, 0.3 % too much."),
    Column("opened", "Opened", "count", "By a person, as far as can be told."),
    Column("open_rate", "Open rate", "share", "Opened by delivered. Apple hides opens: compare with care."),
    Column("clicked", "Clicked", "count", "By a person."),
    Column("click_rate", "Click rate", "share", "Clicked by delivered."),
    Column("unsubscribed", "Unsubscribed", "count", "Through the mail itself."),
    Column("unsubscribe_rate", "Unsubscribe rate", "share", "Unsubscribed by delivered."),
)
