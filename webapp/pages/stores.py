"""Stores: the brands of this installation, which of them is open, and one more."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask import session as cookie
from werkzeug.wrappers import Response

from automation.actions import setup
from automation.actions.stores import Sender
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import draw, read
from webapp.navigation import OPEN, shell
from webapp.pages.settings import zoned
from webapp.permissions import permission

blueprint = Blueprint("stores", __name__, url_prefix="/stores")


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All of them."""
    return render_template("stores/index.html")


@blueprint.get("/new")
@permission("own")
def new() -> str:
    """The form for one more."""
    return render_template("stores/new.html", form=zoned(draw(Sender)))


@blueprint.post("/")
@permission("own")
def create() -> Response | tuple[str, int]:
    """Add it, and open it."""
    app = the_app()
    typed, form = read(Sender, request.form)
    if not isinstance(typed, Sender):
        return render_template("stores/new.html", form=zoned(form)), 422
    with app.db.write() as session:
        store = setup.add_store(app, session, typed, app.clock(), current_admin().id)
        cookie[OPEN] = store.public_id
    flash(f"{typed.name} is open. Its mails are captured until you connect a provider to it.")
    return redirect(url_for("home.index"), 303)


@blueprint.post("/<public_id>/open")
@permission("view")
def switch(public_id: str) -> Response:
    """Let all pages be about this one, for whoever asks."""
    if public_id not in {store.public_id for store in shell().stores}:
        abort(404)
    cookie[OPEN] = public_id
    return redirect(url_for("home.index"), 303)
