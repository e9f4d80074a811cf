"""Logging in and out, and an admin's own account."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field, SecretStr
from werkzeug.wrappers import Response

from automation.actions import admins
from automation.errors import NotAllowed
from automation.models import Admin
from automation.security import is_password
from webapp import auth
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.permissions import permission

blueprint = Blueprint("session", __name__)


class PasswordForm(BaseModel):
    current: SecretStr = Field(SecretStr(""), title="Present password", description="Empty if you have none yet.")
    new: SecretStr = Field(
        title="New password", description="At least 10 characters. All other devices are logged out."
    )


class MailsForm(BaseModel):
    wants_mails: bool = Field(
        False,
        title="Mail me what a person should see to",
        description="What flows tell of, and figures that are out of the ordinary, as a digest at most every half "
        "hour. It is on the home page in any case.",
    )


@blueprint.get("/login")
@permission("public")
def login() -> str | Response:
    """The form, or straight on for somebody who is logged in."""
    target = auth.safe_next(request.args.get("next"))
    return redirect(target) if auth.may("view") else render_template("session/login.html", target=target, email="")


@blueprint.post("/login")
@permission("public")
def check() -> Response | tuple[str, int]:
    """Log in with address and password."""
    app = the_app()
    email, password = request.form.get("email", ""), request.form.get("password", "")
    target = auth.safe_next(request.form.get("next"))
    status, error = 422, "The address or the password is not right."
    try:
        admin = admins.check_password(app, email, password[:1000], auth.origin(), admins.wall_time(app))
    except admins.TooManyTries as refusal:
        admin, status, error = None, 429, str(refusal)
    if admin is not None:
        return auth.let_in(app, admin, target)
    return render_template("session/login.html", target=target, email=email[:320], error=error), status


@blueprint.get("/login/<token>")
@permission("public")
def link(token: str) -> str | tuple[str, int]:
    """Ask before the link is used: mail scanners open links, they do not press buttons."""
    app = the_app()
    with app.db.read() as session:
        admin = admins.link_owner(session, token, admins.wall_time(app))
    if admin is None:
        return render_template("session/link.html", owner=None), 410
    return render_template("session/link.html", owner=admin, token=token)


@blueprint.post("/login/<token>")
@permission("public")
def use_link(token: str) -> Response | tuple[str, int]:
    """Log in by the link, which is spent then."""
    app = the_app()
    with app.db.write() as session:
        admin = admins.use_login_link(session, token, admins.wall_time(app))
    if admin is None:
        return render_template("session/link.html", owner=None), 410
    return auth.let_in(app, admin, "/")


@blueprint.post("/logout")
@permission("view")
def logout() -> Response:
    """End this device's session."""
    return auth.log_out(the_app())


def _account(form: Form, status: int = 200) -> tuple[str, int]:
    app = the_app()
    admin = auth.current_admin()
    with app.db.read() as session:
        devices = admins.live_sessions(session, admin, admins.wall_time(app))
    here = auth.current_session().id_hash
    mails = draw(MailsForm, {"wants_mails": admin.wants_mails})
    return render_template("session/account.html", form=form, mails=mails, devices=devices, here=here), status


@blueprint.get("/account")
@permission("view")
def account() -> tuple[str, int]:
    """The admin's password and devices."""
    return _account(draw(PasswordForm))


@blueprint.post("/account/password")
@permission("view")
def password() -> Response | tuple[str, int]:
    """Change the password; the present one is asked for where there is one."""
    app = the_app()
    typed, form = read(PasswordForm, request.form)
    if not isinstance(typed, PasswordForm):
        return _account(form, 422)
    admin = auth.current_admin()
    if admin.password_hash and not is_password(typed.current.get_secret_value(), admin.password_hash):
        form["current"].error = "This is not your present password."
        return _account(form, 422)
    try:
        with app.db.write() as session:
            row = session.get_one(Admin, admin.id)
            here = auth.current_session().id_hash
            admins.set_password(session, row, typed.new.get_secret_value(), admins.wall_time(app), keep=here)
    except NotAllowed as error:
        form["new"].error = str(error)
        return _account(form, 422)
    flash("Your password is changed. All other devices are logged out.")
    return redirect(url_for("session.account"), 303)


@blueprint.post("/account/mails")
@permission("view")
def mails() -> Response | tuple[str, int]:
    """Whether notices go to the admin by mail."""
    app = the_app()
    typed, _ = read(MailsForm, request.form)
    if not isinstance(typed, MailsForm):
        abort(400)
    with app.db.write() as session:
        row = session.get_one(Admin, auth.current_admin().id)
        admins.want_mails(session, row, app.clock(), wanted=typed.wants_mails)
    flash("You get them by mail, too." if typed.wants_mails else "They are on the home page only.")
    return redirect(url_for("session.account"), 303)


@blueprint.post("/account/devices/end")
@permission("view")
def end_device() -> Response:
    """Log one device out."""
    app = the_app()
    id_hash = request.form.get("device", "")
    if len(id_hash) != 64:
        abort(400)
    with app.db.write() as session:
        admins.end_session(session, auth.current_admin(), id_hash, admins.wall_time(app))
    flash("That device is logged out.")
    return redirect(url_for("session.account"), 303)
