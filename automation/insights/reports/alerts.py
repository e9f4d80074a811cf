"""Figures that left their usual band."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.models import Alert


class Alerts(Report):
    """Days on which a campaign's mails, clicks, complaints or revenue lay far outside of what is usual.

    What is usual for a weekday is the median of the ten weeks before; the band reaches three and a half
    robust standard deviations to either side.
    """

    title = "Alerts"
    has_segment = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row an alert, the newest first."""
        found = session.scalars(
            select(Alert)
            .where(Alert.store_id == asked.store_id, Alert.on >= asked.period.first, Alert.on <= asked.period.last)
            .order_by(Alert.on.desc(), Alert.id.desc())
        )
        return Table(_COLUMNS, [(a.on, a.text, a.series, a.created_at, a.dismissed_at) for a in found], asked.currency)


_COLUMNS = (
    Column("day", "Day", "date"),
    Column("what", "What", definition="The figure of the day, and between what it usually lies on that weekday."),
    Column("series", "Figure"),
    Column("told_at", "Told", "time"),
    Column("seen_at", "Seen to", "time"),
)
