"""Home: is everything well, what went out, what came of it, what is left to do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from automation import alerts, figures, notices
from automation.concerns import concerns
from automation.happenings import happenings
from automation.models import Job
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.navigation import shell, the_store
from webapp.permissions import permission

blueprint = Blueprint("home", __name__)

TASKS = {
    "sender": ("Say who writes", "settings.index", "at"),
    "shop": ("Connect your shop", "connections.index", "building-store"),
    "customers": ("See customers arrive", "customers.index", "users"),
    "campaign": ("Publish a campaign", "campaigns.index", "send"),
    "provider": ("Connect a mail provider", "connections.index", "mail-fast"),
}
CONCERNS = {
    "worker": ("server", "", "red"),
    "connection": ("plug-connected-x", "connections.index", "red"),
    "campaign": ("send", "campaigns.index", "yellow"),
    "webhooks": ("webhook", "connections.index", "yellow"),
    "feed": ("rss", "feeds.index", "yellow"),
    "recommendations": ("chart-bar", "", "yellow"),
    "values": ("chart-line", "values.index", "yellow"),
    "unknown": ("help-circle", "mailbox.index", "yellow"),
    "parked": ("mail-off", "mailbox.index", "yellow"),
}


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The whole page; the number of customers, which takes longest, is asked for by the page."""
    with the_app().db.read() as session:
        tasks = figures.tasks(session, shell().store)
    done = sum(task.is_done for task in tasks)
    return render_template("home/index.html", tasks=tasks, done=done, words=TASKS, people=None, **_pulse())


@blueprint.get("/pulse")
@permission("view")
def pulse() -> str:
    """What moves: asked for every few seconds while something does."""
    return render_template("home/pulse.html", **_pulse())


@blueprint.get("/people")
@permission("view")
def people() -> str:
    """Counting customers costs more: asked for once a minute."""
    store = shell().store
    with the_app().db.read() as session:
        found = figures.people(session, store) if store else None
    return render_template("home/people.html", people=found)


@blueprint.post("/notices/<int:notice_id>/done")
@permission("edit")
def see_to(notice_id: int) -> AnyResponse | str:
    """Take a notice off the list."""
    app = the_app()
    with app.db.write() as session:
        notices.see_to(session, the_store().id, notice_id, current_admin().id, app.clock())
    return pulse() if "HX-Request" in request.headers else redirect(url_for("home.index"))


def _pulse() -> dict[str, Any]:
    store = shell().store
    if store is None:
        return {"pulse": None}
    now = shell().now
    with the_app().db.read() as session:
        days = figures.days(session, store, now)
        belt = figures.belt(session, now)
        job = session.scalars(
            select(Job).where(Job.state.in_(("waiting", "running"))).order_by(Job.id.desc()).limit(1)
        ).first()
        told, told_count = notices.waiting(session, store.id, current_admin().id)
        strayed, strayed_count = alerts.waiting(session, store.id)
        shown = {
            "notices": told,
            "notice_count": told_count,
            "alerts": strayed,
            "alert_count": strayed_count,
            "sendings": figures.sendings(session, store, now),
            "belt": belt,
            "days": days,
            "concerns": concerns(session, store, now),
            "happenings": happenings(session, store),
        }
    chart = {
        "kind": "bar",
        "categories": [f"{day.on.day} {day.on:%b}" for day in days],
        "series": [
            {"name": "Sent", "values": [day.sent for day in days], "tone": "primary"},
            {"name": "Clicked", "values": [day.clicked for day in days], "tone": "amber"},
        ],
    }
    pace = "3s" if belt.is_moving or job else "10s"
    return {"pulse": shown, "chart": chart, "job": job, "pace": pace, "marks": CONCERNS}


@blueprint.app_template_global("goto")
def goto(endpoint: str) -> str:
    """The address of a page that may not be there."""
    return url_for(endpoint) if endpoint in current_app.view_functions else ""
