"""Personas beside one another."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.personas.portrait import Portrait
from automation.insights.report import Asked, Cell, Column, Report, Table
from automation.models import Persona

COLUMNS = (
    Column("name", "Persona"),
    Column("members", "Members", "count", "For whom the rule of its segment holds."),
    Column("of_all", "Share", "share", "Of all customers."),
    Column("buyers", "Buyers", "count", "Members with an order that counts."),
    Column(
        "order_average",
        "Average order",
        "money",
        "What was paid by members, net of refunds, for each of their orders.",
    ),
    Column(
        "lifetime_value",
        "Lifetime value each",
        "money",
        "The mean of what a buyer is expected to pay within the horizon.",
    ),
    Column("alive", "Will buy again", "share", "The mean probability of buying again at all."),
    Column("country", "Most from"),
    Column("channel", "Came most by", definition="The channel of their first touch."),
    Column("category", "Bought most", definition="The category in most of their orders."),
    Column(
        "campaign",
        "Answer best",
        definition="Of campaigns with 20 mails to them or more, the one clicked most.",
    ),
    Column("portrayed_at", "As of", "time"),
)


class Personas(Report):
    """The store's personas by their portraits, as those were worked out last."""

    title = "Personas"
    has_period = False
    has_segment = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row a persona."""
        found = session.scalars(
            select(Persona).where(Persona.store_id == asked.store_id).order_by(Persona.name, Persona.id)
        )
        rows: list[tuple[Cell, ...]] = []
        for row in found:
            if not row.portrait:
                rows.append((row.name, *[None] * 10, row.portrayed_at))
                continue
            p = Portrait.model_validate(row.portrait)
            named = [shares[0].name if shares else None for shares in (p.countries, p.channels, p.categories, p.mails)]
            rows.append(
                (
                    row.name,
                    p.members,
                    p.of_all,
                    p.buyers,
                    p.order_average,
                    p.lifetime_value,
                    p.alive,
                    *named,
                    row.portrayed_at,
                )
            )
        return Table(
            COLUMNS,
            rows,
            asked.currency,
        )
