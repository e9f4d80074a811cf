"""How fast a mail provider's connection sends: its rate now, its warm-up day by day, and who stands in for whom."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import sending
from automation.actions import connections
from automation.errors import NotAllowed, Unknown
from automation.models import Connection
from automation.pacing import Pacing, pacing_of
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission

blueprint = Blueprint("pace", __name__, url_prefix="/connections")

PARTS = (
    ("Rate", "Mails leave no faster than this, whatever the number of workers.", ("per_second", "burst")),
    (
        "Warm-up",
        "A new sender begins with few mails a day, so that mailbox providers learn to trust it. What finds no place "
        "leaves on a later day; carts and receipts go first.",
        ("warm_up", "warm_up_on", "warm_first", "warm_full", "warm_days", "warm_growth", "warm_ceiling"),
    ),
    (
        "Beside other connections",
        "What it does for the store's other connections, and when others send its mails. What may have arrived is "
        "never sent elsewhere.",
        ("use", "weight", "order", "fail_over_minutes"),
    ),
)
"""The form's parts: heading, what it is about, fields of `automation.pacing.Pacing`."""
LABELS = {
    "per_second": "Mails a second",
    "burst": "At once",
    "warm_up": "Warm it up",
    "warm_up_on": "First day",
    "warm_first": "Mails on the first day",
    "warm_full": "Mails on the last day",
    "warm_days": "Days",
    "warm_growth": "Times as many each later day",
    "warm_ceiling": "Over at so many",
    "use": "It sends",
    "fail_over_minutes": "Minutes down",
}
USES = {"off": "nothing for others", "share": "a share of the mails", "stand_in": "all of them while others are down"}
TONES = {
    "sends": "green",
    "stands_in": "green",
    "stands_by": "secondary",
    "unused": "secondary",
    "rests": "yellow",
    "paused": "yellow",
}


def _find(session: Session, public_id: str) -> Connection:
    try:
        row = connections.find(session, public_id)
    except Unknown:
        abort(404)
    if row.store_id != the_store().id or row.role != "provider":
        abort(404)
    return row


def _named(form: Form) -> Form:
    for one in form.fields:
        one.label = LABELS.get(one.name, one.label)
    form["use"].choices = list(USES.items())
    return form


def _page(public_id: str, form: Form, status: int = 200) -> tuple[str, int]:
    app = the_app()
    with app.db.read() as session:
        row = _find(session, public_id)
        health = next(
            one for one in sending.connections(app, session, app.clock(), row.store_id) if one.public_id == public_id
        )
    parts = [(title, words, [form[name] for name in names]) for title, words, names in PARTS]
    page = render_template(
        "connections/pace.html", row=row, health=health, form=form, parts=parts, chart=_chart(health), tones=TONES
    )
    return page, status


def _chart(health: sending.ConnectionHealth) -> dict[str, Any] | None:
    if health.warm_up is None:
        return None
    plan = health.warm_up.plan
    return {
        "kind": "bar",
        "categories": [f"{on.day} {on:%b}" for on, _ in plan],
        "series": [{"name": "Mails to each mailbox provider", "values": [most for _, most in plan], "tone": "primary"}],
    }


@blueprint.get("/<public_id>/pace")
@permission("view")
def pace(public_id: str) -> tuple[str, int]:
    """How it sends now, and the form."""
    with the_app().db.read() as session:
        form = _named(draw(Pacing, pacing_of(_find(session, public_id))))
    return _page(public_id, form)


@blueprint.post("/<public_id>/pace")
@permission("manage")
def change(public_id: str) -> Response | tuple[str, int]:
    """Store another pace; it holds from the next batch on."""
    app = the_app()
    typed, form = read(Pacing, request.form)
    if not isinstance(typed, Pacing):
        return _page(public_id, _named(form), 422)
    try:
        with app.db.write() as session:
            connections.set_pacing(session, _find(session, public_id), typed, app.clock(), current_admin().id)
    except NotAllowed as error:
        form.error = str(error)
        return _page(public_id, _named(form), 422)
    flash("The pace is stored; it holds from the next batch on.")
    return redirect(url_for("pace.pace", public_id=public_id), 303)
