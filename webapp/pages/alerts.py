"""Alerts: figures that left their usual band, and which of them nobody wants to hear of."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from automation import alerts
from automation.errors import NotAllowed
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import shown

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")

SHOWN = 50


@blueprint.get("/")
@permission("view")
def index() -> str:
    """What waits, what is muted, and what was told so far."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        waiting, _ = alerts.waiting(session, store.id, SHOWN)
        muted = alerts.muted(session, store.id, app.clock())
        table = shown(session, store, "alerts", {"period": "90d"}).table
    return render_template("alerts/index.html", waiting=waiting, muted=muted, table=table)


@blueprint.post("/<int:alert_id>/dismiss")
@permission("edit")
def dismiss(alert_id: int) -> Response:
    """Take an alert off the lists."""
    app = the_app()
    with app.db.write() as session:
        alerts.dismiss(session, the_store().id, alert_id, current_admin().id, app.clock())
    return _back()


@blueprint.post("/<int:alert_id>/mute")
@permission("edit")
def mute(alert_id: int) -> Response:
    """Hear no more of what it is about, for some days."""
    days = request.form.get("days", "")
    if not (days.isdecimal() and 0 < int(days[:6]) <= 366):
        abort(422, "A figure is muted for 1 to 366 days.")
    app = the_app()
    try:
        with app.db.write() as session:
            row = alerts.mute(session, the_store().id, alert_id, current_admin().id, app.clock(), int(days))
            title = row.title
    except NotAllowed:
        abort(404)
    flash(f"{title}: muted for {days} days. You can end that on the page of alerts.", "success")
    return _back()


@blueprint.post("/unmute")
@permission("edit")
def unmute() -> Response:
    """Hear of a figure again."""
    app = the_app()
    with app.db.write() as session:
        alerts.unmute(session, the_store().id, request.form.get("series", ""), current_admin().id, app.clock())
    return redirect(url_for("alerts.index"), 303)


def _back() -> Response:
    return redirect(url_for("home.index" if request.form.get("back") == "home" else "alerts.index"), 303)
