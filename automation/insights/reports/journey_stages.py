"""The stages of the journey in figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from automation.insights.journey.measuring import figures_of, scores_of, stage_figures
from automation.insights.journey.moving import stages_of
from automation.insights.report import Asked, Cell, Column, Report, Table

_COLUMNS = (
    Column("stage", "Stage"),
    Column("customers", "Customers", "count", "Customers who stand in the stage as the period ends, or now."),
    Column("entered", "Entered", "count", "Moves into the stage in the period; who comes twice counts twice."),
    Column("onward", "Went onward", "count", "Stays that ended in the period with a move to a later stage."),
    Column("back", "Fell back", "count", "Stays that ended in the period with a move to an earlier stage."),
    Column("conversion", "Conversion", "share", "Went onward, of all who were in the stage at any time in it."),
    Column("drop_off", "Drop-off", "share", "Fell back, of all who were in the stage at any time in it."),
    Column("days", "Days in it", "number", "Average length of the stays that ended in the period, in days."),
    Column("nps", "Promoter score", "number", "Net promoter score, -100 to 100, of ratings asked at this stage."),
)
_BEFORE = (
    Column("customers_before", "Customers before", "count", "The same in the period that is compared with."),
    Column("conversion_before", "Conversion before", "share", "The same in the period that is compared with."),
)


class JourneyStages(Report):
    """How many customers stand in each stage of the journey, who moved, and how long they stayed."""

    title = "Stages of the journey"

    def table(self, session: Session, asked: Asked) -> Table:
        """A row for each stage of the map, in its order."""
        now, said = stage_figures(session, asked, asked.period), scores_of(session, asked, asked.period)
        before = stage_figures(session, asked, asked.period.before(asked.against)) if asked.against else {}
        rows: list[list[Cell]] = []
        for stage in stages_of(session, asked.store_id):
            f, net = figures_of(now, stage.id), said[stage.code].net if stage.code in said else None
            row: list[Cell] = [stage.name, f.standing, f.entered, f.onward, f.back, f.conversion, f.drop_off]
            row += [None if f.days is None else round(f.days, 1), None if net is None else round(net)]
            if asked.against:
                then = figures_of(before, stage.id)
                row += [then.standing, then.conversion]
            rows.append(row)
        return Table((*_COLUMNS, *(_BEFORE if asked.against else ())), rows, asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """Customers in each stage, beside those of the period before where there is one."""
        series = [{"name": "Customers", "values": table.column("customers")}]
        if any(column.key == "customers_before" for column in table.columns):
            series.append({"name": "Before", "values": table.column("customers_before"), "tone": "secondary"})
        return {"kind": "bar", "categories": table.column("stage"), "series": series}
