"""The second step of logging in: asking for the code, setting it up, switching it off."""

from __future__ import annotations

import io

import segno
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automation.actions import admins, second_step
from automation.errors import NotAllowed
from automation.models import Admin
from webapp import auth
from webapp.factory import the_app
from webapp.permissions import permission

blueprint = Blueprint("second_step", __name__)


@blueprint.get("/login-code")
@permission("public")
def ask() -> str | AnyResponse:
    """The form for the code; whoever gave no password yet goes there first."""
    if auth.pending(the_app()) is None:
        return redirect(url_for("session.login"))
    return render_template("session/code.html")


@blueprint.post("/login-code")
@permission("public")
def check() -> AnyResponse | tuple[str, int]:
    """Log in by the code of the app, or by a recovery code."""
    app = the_app()
    waiting = auth.pending(app)
    if waiting is None:
        return redirect(url_for("session.login"), 303)
    admin_id, target = waiting
    status, error = 422, "This code does not fit. Codes change every thirty seconds, and each works once."
    try:
        fits = second_step.check(app, admin_id, request.form.get("code", "")[:40], auth.origin(), admins.wall_time(app))
    except admins.TooManyTries as refusal:
        fits, status, error = False, 429, str(refusal)
    if not fits:
        return render_template("session/code.html", error=error), status
    with app.db.read() as session:
        admin = session.get_one(Admin, admin_id)
    if admin.is_disabled:
        return redirect(url_for("session.login"), 303)
    return auth.log_in(app, admin, target)


def _set_up(error: str = "", status: int = 200) -> tuple[str, int]:
    app = the_app()
    with app.db.read() as session:
        row = session.get_one(Admin, auth.current_admin().id)
        secret = second_step.secret_of(app, row)
    return render_template("session/second_step.html", secret=secret, error=error, codes=[]), status


@blueprint.post("/account/second-step")
@permission("view")
def begin() -> AnyResponse | tuple[str, int]:
    """Make a secret and show it."""
    app = the_app()
    try:
        with app.db.write() as session:
            second_step.begin(app, session, auth.current_admin().id)
    except NotAllowed as error:
        flash(str(error), "warning")
        return redirect(url_for("session.account"), 303)
    return _set_up()


@blueprint.get("/account/second-step.svg")
@permission("view")
def picture() -> Response:
    """The QR picture, while it is being set up."""
    app = the_app()
    with app.db.read() as session:
        try:
            address = second_step.address(app, session.get_one(Admin, auth.current_admin().id))
        except NotAllowed:
            abort(404)
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=5, border=3, light="#ffffff", dark="#000000")
    return Response(out.getvalue(), mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})


@blueprint.post("/account/second-step/on")
@permission("view")
def turn_on() -> tuple[str, int]:
    """Ask for codes from now on, if the app shows the right one."""
    app = the_app()
    try:
        with app.db.write() as session:
            codes = second_step.turn_on(
                app, session, auth.current_admin().id, request.form.get("code", "")[:40], admins.wall_time(app)
            )
    except NotAllowed as error:
        return _set_up(str(error), 422)
    return render_template("session/second_step.html", codes=codes, secret="", error=""), 200


@blueprint.post("/account/second-step/off")
@permission("view")
def turn_off() -> AnyResponse:
    """Ask for no code any more; one is asked for a last time, and guesses are counted as at the door."""
    app, admin = the_app(), auth.current_admin()
    now = admins.wall_time(app)
    try:
        fits = second_step.check(app, admin.id, request.form.get("code", "")[:40], auth.origin(), now)
        said = "This code does not fit; the second step stays on."
    except admins.TooManyTries as refusal:
        fits, said = False, str(refusal)
    if not fits:
        flash(said, "warning")
        return redirect(url_for("session.account"), 303)
    with app.db.write() as session:
        second_step.turn_off(session, admin.id, now, admin.id)
    flash("The second step is off.")
    return redirect(url_for("session.account"), 303)
