"""Feedback: the promoter score over time, what customers wrote, and what came of it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from werkzeug.wrappers import Response

from automation.actions import journey
from automation.errors import NotAllowed, Unknown
from automation.insights.journey.measuring import touchpoints_of
from automation.insights.periods import NAMED
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import feedback
from webapp.queries.paging import mark
from webapp.reporting import groups_of, shown

blueprint = Blueprint("feedback", __name__, url_prefix="/feedback")

USUAL = "90d"
"""Ratings are rarer than orders."""


class Noted(BaseModel):
    """You said, we did."""

    said: str = Field(max_length=400, title="Customers said")
    did: str = Field(max_length=400, title="We did")


def _page(form: Form, values: dict[str, str], status: int = 200) -> tuple[str, int]:
    store, error = the_store(), ""
    with the_app().db.read() as session:
        values = {"period": USUAL, **{k: v for k, v in values.items() if v}}
        try:
            found = shown(session, store, "ratings", values)
        except NotAllowed as refused:
            error, status = str(refused), 422
            found = shown(session, store, "ratings", {"period": USUAL})
        q = values.get("q", "").strip()[:200]
        whole = feedback.outcomes(session, found.asked)
        page = render_template(
            "feedback/index.html",
            found=found,
            outcomes=whole,
            answers=sum(o.answers for o in whole),
            comments=feedback.comments(session, found.asked, q, mark(values.get("after"))),
            notes=feedback.notes(session, store.id),
            touchpoints=touchpoints_of(session, store.id),
            groups=groups_of(session, store.id),
            periods=NAMED,
            form=form,
            q=q,
            error=error,
            asked=values,
        )
    return page, status


@blueprint.get("/")
@permission("view")
def index() -> tuple[str, int]:
    """What customers think."""
    return _page(draw(Noted), request.args.to_dict())


@blueprint.post("/notes")
@permission("edit")
def note() -> Response | tuple[str, int]:
    """Keep what customers said and what was done about it."""
    app, store = the_app(), the_store()
    typed, form = read(Noted, request.form)
    if not isinstance(typed, Noted):
        return _page(form, {}, 422)
    try:
        with app.db.write() as session:
            journey.note_feedback(
                session,
                store.id,
                typed.said,
                typed.did,
                request.form.get("touchpoint", type=int),
                app.clock(),
                current_admin().id,
            )
    except Unknown as error:
        form.error = str(error)
        return _page(form, {}, 422)
    flash("Noted.")
    return redirect(url_for("feedback.index"), 303)
