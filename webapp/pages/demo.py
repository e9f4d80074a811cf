"""The demo's controls, which stand above every page: turn the clock forward, send the shoppers home."""

from __future__ import annotations

from flask import Blueprint, g, make_response, render_template, request
from werkzeug.wrappers import Response

from automation.demo import fast_forward, switch
from automation.errors import NotAllowed
from automation.models import Job
from webapp.factory import the_app
from webapp.navigation import with_toast
from webapp.permissions import permission

blueprint = Blueprint("demo", __name__, url_prefix="/clock")

TURNS = ((1, "1 hour"), (24, "1 day"), (72, "3 days"))
"""How far it goes at a press: hours, and in words."""


@blueprint.get("")
@permission("view")
def clock() -> Response:
    """What the clock shows; with `was=running` and the turn over, the whole page is loaded anew."""
    job = _turn()
    if request.args.get("was") == "running" and job is None:
        answer = make_response("")
        answer.headers["HX-Refresh"] = "true"
        return answer
    return make_response(_drawn(job))


@blueprint.post("/forward")
@permission("edit")
def forward() -> Response:
    """Ask for a turn of the clock."""
    app = the_app()
    hours = request.form.get("hours", type=float) or 0
    try:
        with app.db.write() as session:
            job: Job | None = fast_forward.ask(app, session, hours)
    except NotAllowed as error:
        return with_toast(_drawn(_turn()), str(error), "warning")
    return make_response(_drawn(job))


@blueprint.post("/shoppers")
@permission("edit")
def shoppers() -> Response:
    """Send the simulated shoppers home, or let them in again."""
    settings = the_app().settings
    if switch.is_paused(settings):
        switch.resume(settings)
        return with_toast(_drawn(_turn()), "The shoppers are back.")
    switch.pause(settings)
    return with_toast(_drawn(_turn()), "The shoppers went home: nothing new happens in the shop.")


def _turn() -> Job | None:
    with the_app().db.read() as session:
        return fast_forward.current(session)


def _drawn(job: Job | None) -> str:
    return render_template("demo/clock.html", **_values(job))


def _values(job: Job | None) -> dict[str, object]:
    return {"turn": job, "turns": TURNS, "are_shoppers_home": switch.is_paused(the_app().settings)}


@blueprint.app_context_processor
def _controls() -> dict[str, object]:
    """`demo_controls()` for the frame: the clock, read once per page."""

    def controls() -> dict[str, object]:
        if "demo_controls" not in g:
            g.demo_controls = _values(_turn())
        found: dict[str, object] = g.demo_controls
        return found

    return {"demo_controls": controls}
