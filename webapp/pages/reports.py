"""Reports: every table of figures as a page with its chart, and as CSV."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request

from automation.errors import NotAllowed, Unknown
from automation.insights.report import reports
from webapp.factory import the_app
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import asked_values, choices, csv_answer, shown

blueprint = Blueprint("reports", __name__, url_prefix="/reports")


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All reports."""
    return render_template("reports/index.html", reports=reports())


@blueprint.get("/<name>")
@permission("view")
def one(name: str) -> str | tuple[str, int]:
    """One report."""
    with the_app().db.read() as session:
        try:
            values, error = asked_values(session, the_store(), name)
        except Unknown:
            abort(404)
        offered = choices(session)
        found = shown(session, the_store(), name, values)
    page = render_template("reports/one.html", shown=found, error=error, **offered)
    return (page, 422) if error else page


@blueprint.get("/<name>.csv")
@permission("view")
def as_csv(name: str) -> Response:
    """The table, for a spreadsheet; amounts as decimals."""
    with the_app().db.read() as session:
        try:
            table = shown(session, the_store(), name, request.args.to_dict()).table
        except Unknown:
            abort(404)
        except NotAllowed as refused:
            abort(422, str(refused))
    return csv_answer(table, f"{name}.csv")
