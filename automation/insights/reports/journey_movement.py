"""Movement between the stages of the journey."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from automation.insights.journey.measuring import flows
from automation.insights.report import Asked, Cell, Column, Report, Table


class JourneyMovement(Report):
    """From which stage of the journey to which customers went."""

    title = "Movement between stages"

    def table(self, session: Session, asked: Asked) -> Table:
        """A row for each pair of stages between which anybody moved, the most frequent first."""
        columns = (
            Column("from", "From"),
            Column("to", "To"),
            Column("way", "Way", definition="Onward or back, in the order that the stages had at the time."),
            Column("moves", "Moves", "count", "Moves in the period; who goes the same way twice counts twice."),
            Column("customers", "Customers", "count", "Different customers who made them."),
        )
        ways = {1: "onward", -1: "back", 0: "begins"}
        rows: list[list[Cell]] = [
            [f.source, f.target, ways[f.step], f.moves, f.customers] for f in flows(session, asked, asked.period)
        ]
        return Table(columns, rows, asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """A Sankey diagram: on the left where they were, on the right where they went."""
        links = [{"from": row[0], "to": row[1], "value": row[3], "way": row[2]} for row in table.rows]
        return {"kind": "sankey", "links": links}
