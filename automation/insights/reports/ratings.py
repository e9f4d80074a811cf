"""What customers said, over time, by stage and by campaign."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import ratings
from automation.insights.report import Asked, Cell, Column, Report, Table
from automation.models import Campaign, JourneyStage
from automation.ratings import By, Scores


class Ratings(Report):
    """The net promoter score and the answers that it is made of."""

    title = "Ratings"
    options = {"by": {"day": "By day", "stage": "By stage", "campaign": "By campaign"}}  # noqa: RUF012 - as declared

    def table(self, session: Session, asked: Asked) -> Table:
        """A row for each day, stage or campaign in which somebody answered."""
        by: By = asked.options.get("by", "day")  # type: ignore[assignment]  # checked against the options
        period = asked.period
        found = ratings.scores(session, asked.store_id, period.since, period.until, by, asked.customers(session))
        names = _names(session, asked.store_id, by)
        columns = (
            Column("what", {"day": "Day (UTC)", "stage": "Stage", "campaign": "Campaign"}[by]),
            Column("nps", "Promoter score", "number", "Share of promoters less that of detractors, -100 to 100."),
            Column("answers", "Answers", "count", "Scores given; a later score of the same reader takes its place."),
            Column("promoters", "Promoters", "count", "Scores of 9 and 10."),
            Column("passives", "Passives", "count", "Scores of 7 and 8."),
            Column("detractors", "Detractors", "count", "Scores of 0 to 6."),
        )
        return Table(columns, [_row(names.get(key, key or "–"), s) for key, s in found.items()], asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """Who answered how."""
        tones = {"promoters": "green", "passives": "yellow", "detractors": "red"}
        series = [{"name": k.capitalize(), "values": table.column(k), "tone": tone} for k, tone in tones.items()]
        return {"kind": "bar", "categories": table.column("what"), "series": series, "stacked": True}


def _row(name: str, s: Scores) -> list[Cell]:
    return [name, None if s.net is None else round(s.net), s.count, s.promoters, s.passives, s.detractors]


def _names(session: Session, store_id: int, by: By) -> dict[str, str]:
    if by == "campaign":
        rows = session.execute(select(Campaign.id, Campaign.name).where(Campaign.store_id == store_id))
    elif by == "stage":
        rows = session.execute(select(JourneyStage.code, JourneyStage.name).where(JourneyStage.store_id == store_id))
    else:
        return {}
    return {str(key): name for key, name in rows}
