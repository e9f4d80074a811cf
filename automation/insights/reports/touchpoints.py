"""The touchpoints of the journey in figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from automation.insights.journey.measuring import Met, met, touchpoints_of
from automation.insights.journey.moving import stages_of
from automation.insights.report import Asked, Cell, Column, Report, Table

_COLUMNS = (
    Column("stage", "Stage"),
    Column("touchpoint", "Touchpoint"),
    Column("kind", "Kind"),
    Column("importance", "Importance", "count", "1 to 3, as the team sees it."),
    Column("feeling", "Feeling", "number", "How customers feel here, as the team sees it: -2 to 2."),
    Column("volume", "Volume", "count", "Mails accepted, sign-ups, orders, or events of the touchpoint's name."),
    Column("people", "People", "count", "Different known customers among them."),
    Column("conversion", "Conversion", "share", "Of the people, those who went to a later stage afterwards, in time."),
    Column("drop_off", "Drop-off", "share", "Of the people, those who fell back to an earlier stage afterwards."),
)


class Touchpoints(Report):
    """What happens at each touchpoint of the journey, and how customers feel there."""

    title = "Touchpoints"

    def table(self, session: Session, asked: Asked) -> Table:
        """A row for each touchpoint on the map, stage by stage."""
        places = touchpoints_of(session, asked.store_id)
        stages = {stage.id: stage.name for stage in stages_of(session, asked.store_id)}
        now = met(session, asked, asked.period, places)
        before = met(session, asked, asked.period.before(asked.against), places) if asked.against else {}
        rows = []
        for place in places:
            m = now[place.id]
            row: list[Cell] = [stages[place.stage_id], place.name, place.kind, place.importance, place.feeling]
            row += [m.volume, m.people, *_shares(m)]
            if asked.against:
                row += [before[place.id].volume, _shares(before[place.id])[0]]
            rows.append(row)
        compared = (
            Column("volume_before", "Volume before", "count", "The same in the period that is compared with."),
            Column("conversion_before", "Conversion before", "share", "The same in the period that is compared with."),
        )
        return Table((*_COLUMNS, *(compared if asked.against else ())), rows, asked.currency)

    def chart(self, table: Table) -> dict[str, Any]:
        """The emotional curve: the feeling at each touchpoint along the journey."""
        series = [{"name": "Feeling", "values": table.column("feeling")}]
        return {"kind": "line", "categories": table.column("touchpoint"), "series": series, "min": -2, "max": 2}


def _shares(m: Met) -> tuple[float | None, float | None]:
    return (m.onward / m.people, m.back / m.people) if m.people else (None, None)
