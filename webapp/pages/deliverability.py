"""Deliverability: what becomes of mails at each mailbox provider."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from webapp.factory import the_app
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import asked_values, choices, shown

blueprint = Blueprint("deliverability", __name__, url_prefix="/deliverability")

MUCH, TOO_MUCH = 0.001, 0.003
"""Shares of complaints: from the first on it is much, from the second on providers begin to refuse."""
MANY_BOUNCES = 0.02


@blueprint.get("/")
@permission("view")
def index() -> str | tuple[str, int]:
    """Each provider's figures, and those that stand out."""
    with the_app().db.read() as session:
        values, error = asked_values(session, the_store(), "deliverability")
        found = shown(session, the_store(), "deliverability", values)
        offered = choices(session)
    keys = [column.key for column in found.table.columns]
    rows: list[dict[str, Any]] = [dict(zip(keys, row, strict=True)) for row in found.table.rows]
    concerns = [
        row
        for row in rows
        if row["sent"] >= 100 and ((row["complaint_rate"] or 0) >= MUCH or (row["bounce_rate"] or 0) >= MANY_BOUNCES)
    ]
    page = render_template(
        "deliverability/index.html",
        shown=found,
        concerns=concerns,
        limits={"much": MUCH, "too_much": TOO_MUCH, "bounces": MANY_BOUNCES},
        error=error,
        **offered,
    )
    return (page, 422) if error else page
