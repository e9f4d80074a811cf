"""The team: who may log in, what each may do, and the log of what was done."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.actions import admins, second_step, team
from automation.errors import NotAllowed, Unknown, Unreadable
from automation.importing.cells import guard
from automation.models import Admin, AdminSession, AuditEntry
from webapp.auth import current_admin
from webapp.deeds import KINDS, told
from webapp.factory import the_app
from webapp.permissions import ROLES, permission
from webapp.queries.paging import Mark, Page, below, mark

blueprint = Blueprint("team", __name__, url_prefix="/settings")

MAY = {
    "view": "Look at everything",
    "edit": "Make campaigns, mails, segments, offers; put notes and alerts away",
    "manage": "Publish settings, connections, imports and exports; pause sending; erase customers",
    "own": "Stores and the team",
}
"""What each permission of `webapp.permissions` means, in the order of their weight."""
LINES = 50
EXPORTED = 10_000


def _find(session: Session, admin_id: int) -> Admin:
    try:
        return team.find(session, admin_id)
    except Unknown:
        abort(404)


def _page(*, typed: dict[str, str] | None = None, error: str = "", link: str = "", status: int = 200) -> Any:
    app = the_app()
    with app.db.read() as session:
        devices = (
            select(func.count())
            .where(
                AdminSession.admin_id == Admin.id,
                AdminSession.revoked_at.is_(None),
                AdminSession.expires_at > admins.wall_time(app),
            )
            .correlate(Admin)
            .scalar_subquery()
        )
        rows = session.execute(select(Admin, devices.label("devices")).order_by(Admin.is_disabled, Admin.email)).all()
    given = typed or {"email": "", "name": "", "role": "editor"}
    page = render_template(
        "settings/team.html", rows=rows, typed=given, error=error, link=link, roles=ROLES, may_words=MAY
    )
    return page, status


@blueprint.get("/team")
@permission("own")
def index() -> Any:
    """Everybody who may log in."""
    return _page()


@blueprint.post("/team")
@permission("own")
def invite() -> Any:
    """Add somebody, and show the link that lets them in."""
    app = the_app()
    typed = {name: request.form.get(name, "").strip()[:320] for name in ("email", "name", "role")}
    try:
        with app.db.write() as session:
            _, token = team.invite(
                session, typed["email"], typed["name"], typed["role"], admins.wall_time(app), current_admin().id
            )
    except (NotAllowed, Unreadable) as error:
        return _page(typed=typed, error=str(error), status=422)
    return _page(link=f"{app.settings.public_url}/login/{token}")


@blueprint.post("/team/<int:admin_id>/<what>")
@permission("own")
def do(admin_id: int, what: str) -> Any:
    """Change a role, shut somebody out, let them in again, switch their second step off, or make another link."""
    app = the_app()
    now, me = admins.wall_time(app), current_admin().id
    token = ""
    try:
        with app.db.write() as session:
            row = _find(session, admin_id)
            match what:
                case "role":
                    team.set_role(session, row, request.form.get("role", ""), now, me)
                case "out":
                    team.shut_out(session, row, now, me)
                case "in":
                    team.let_in(session, row, now, me)
                case "second-step":
                    second_step.turn_off(session, row.id, now, me)
                case "link":
                    token = team.link(session, row, now, me)
                case _:
                    abort(404)
            name = row.name or row.email
    except NotAllowed as error:
        flash(str(error), "warning")
        return redirect(url_for("team.index"), 303)
    if token:
        return _page(link=f"{app.settings.public_url}/login/{token}")
    said = {
        "role": f"{name}: the role is changed.",
        "out": f"{name} is logged out everywhere.",
        "in": f"{name} may log in again.",
        "second-step": f"{name} logs in without a code until they set it up anew.",
    }
    flash(said[what])
    return redirect(url_for("team.index"), 303)


def _entries(session: Session, after: Mark | None, limit: int) -> list[Any]:
    wanted = select(AuditEntry, Admin.name, Admin.email).outerjoin(Admin, Admin.id == AuditEntry.admin_id)
    who, kind = request.args.get("who", ""), request.args.get("kind", "")
    if who.isdecimal() and len(who) < 18:
        wanted = wanted.where(AuditEntry.admin_id == int(who))
    if kind in KINDS:
        wanted = wanted.where(AuditEntry.action.startswith(f"{kind}.", autoescape=True))
    rows = wanted.where(below(AuditEntry.at, AuditEntry.id, after)).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    return list(session.execute(rows.limit(limit)))


@blueprint.get("/log")
@permission("manage")
def log() -> str:
    """What was done, newest first."""
    with the_app().db.read() as session:
        rows = _entries(session, mark(request.args.get("after")), LINES + 1)
        people = session.execute(select(Admin.id, Admin.name, Admin.email).order_by(Admin.email)).all()
    shown = rows[:LINES]
    last = shown[-1].AuditEntry if len(rows) > LINES else None
    page = Page(shown, Mark(last.at, last.id) if last else None)
    return render_template("settings/log.html", page=page, people=people, kinds=KINDS, told=told, asked=request.args)


@blueprint.get("/log.csv")
@permission("manage")
def log_csv() -> Response:
    """The same as a file: the newest ten thousand lines."""
    with the_app().db.read() as session:
        rows = _entries(session, None, EXPORTED)
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(("at", "who", "action", "object", "what"))
    for row in rows:
        entry = row.AuditEntry
        line = (entry.at.isoformat(), row.email or "Cartwheel", entry.action, entry.object_id, told(entry))
        sheet.writerow([guard(value) for value in line])
    return Response(
        out.getvalue(), mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=log.csv"}
    )
