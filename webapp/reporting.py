"""What pages and the API share of reports: what is asked of one, its figures, and its table as a file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.importing.cells import guard
from automation.insights.periods import NAMED, USUAL, Against, period_of
from automation.insights.report import Asked, Report, Table, report
from automation.models import Persona, Segment, Store
from automation.money import exponent
from webapp.factory import the_app
from webapp.navigation import the_store

AGAINST: dict[str, str] = {"": "nothing", "previous": "the period before", "year": "the year before"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A report with its figures."""

    name: str
    report: Report
    asked: Asked
    table: Table
    chart: dict[str, Any] | None


def asked_of(session: Session, store: Store, found: Report, values: dict[str, str]) -> Asked:
    """What a request's parameters ask of a report: period, from, to, against, segment and the report's options.

    Raises NotAllowed for what it does not understand.
    """
    against = values.get("against", "")
    if against not in AGAINST:
        raise NotAllowed(f"It can be compared with previous or year; not with {against[:20]!r}.")
    options = {name: values.get(name) or next(iter(choices)) for name, choices in found.options.items()}
    for name, value in options.items():
        if value not in found.options[name]:
            raise NotAllowed(f"{name}: {value[:40]!r} is none of {', '.join(found.options[name])}.")
    app = the_app()
    now = app.clock()
    period = period_of(
        values.get("period", ""), values.get("from", ""), values.get("to", ""), now, ZoneInfo(store.timezone)
    )
    compared: Against | None = against or None  # type: ignore[assignment]  # checked above
    return Asked(store.id, store.currency, period, now, compared, _segment(session, store, values), options)


def _segment(session: Session, store: Store, values: dict[str, str]) -> Segment | None:
    named = values.get("segment", "")
    if not named:
        return None
    found = session.get(Segment, int(named)) if named.isdecimal() and len(named) < 19 else None
    if found is None or found.store_id != store.id:
        raise NotAllowed("There is no such segment.")
    return found


def shown(session: Session, store: Store, name: str, values: dict[str, str]) -> Shown:
    """A report with its figures. Raises Unknown and NotAllowed."""
    found = report(name)
    asked = asked_of(session, store, found, values)
    table = found.table(session, asked)
    return Shown(name, found, asked, table, drawable(found.chart(table), table) if table.rows else None)


def drawable(chart: dict[str, Any] | None, table: Table) -> dict[str, Any] | None:
    """What a report says of its chart, with what the browser has to know to write amounts."""
    if chart is None or chart.get("unit") != "money":
        return chart
    return {**chart, "currency": table.currency, "digits": exponent(table.currency)}


def asked_values(session: Session, store: Store, name: str) -> tuple[dict[str, str], str]:
    """What the request asks of a report that a page shows; where it is not understood, the usual and what was wrong."""
    values = request.args.to_dict()
    try:
        asked_of(session, store, report(name), values)
    except NotAllowed as refused:
        return {}, str(refused)
    return values, ""


def choices(session: Session) -> dict[str, Any]:
    """What a page offers to ask a report for; see the macro `asking`."""
    return {
        "groups": groups_of(session, the_store().id),
        "periods": NAMED,
        "usual": USUAL,
        "against": AGAINST,
        "asked": request.args,
    }


def groups_of(session: Session, store_id: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Whom a report may be about: (heading, [(value, name)]), personas before other segments; one statement."""
    rows = session.execute(
        select(Segment.id, Segment.name, Persona.name)
        .outerjoin(Persona, Persona.segment_id == Segment.id)
        .where(Segment.store_id == store_id)
        .order_by(Segment.name)
    ).all()
    personas = sorted((persona, str(number)) for number, _, persona in rows if persona)
    found = [
        ("Personas", [(number, name) for name, number in personas]),
        ("Segments", [(str(number), name) for number, name, persona in rows if not persona]),
    ]
    return [group for group in found if group[1]]


def csv_answer(table: Table, name: str) -> Response:
    """A table as a file to download, its cells safe in a spreadsheet."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        cells = zip(table.plain(row), table.columns, strict=True)
        # A loss begins with a minus, and is no formula.
        writer.writerow([guard(str(cell)) if column.kind == "text" and cell else cell for cell, column in cells])
    answer = Response(written.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
