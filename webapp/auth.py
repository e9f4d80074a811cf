"""Who is asking: the session cookie, and the guard that holds every route to the permission it declared."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from flask import Flask, Response, g, make_response, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from automation.actions import admins, second_step
from automation.app import App
from automation.models import Admin, AdminSession
from webapp.permissions import ROLES, permission_of


def cookie_name(app: App) -> str:
    """`__Host-` where the site is secure: no other host and no plain connection can set it."""
    return "__Host-cartwheel" if _is_secure(app) else "cartwheel"


def _is_secure(app: App) -> bool:
    return app.settings.public_url.startswith("https://")


def current_admin() -> Admin:
    """The admin who is logged in. Only for views that are not public."""
    admin: Admin = g.admin
    return admin


def current_session() -> AdminSession:
    """Their session on this device."""
    row: AdminSession = g.admin_session
    return row


def may(needed: str) -> bool:
    """Whether the one who asks may do such a thing; templates hide what they may not."""
    if needed == "public":
        return True
    admin: Admin | None = g.get("admin")
    return admin is not None and needed in ROLES.get(admin.role, frozenset())


def log_in(app: App, admin: Admin, target: str) -> AnyResponse:
    """Start a session under a new id and go to `target`; the one that the visitor came with ends."""
    now = admins.wall_time(app)
    with app.db.write() as db:
        old = request.cookies.get(cookie_name(app))
        known = admins.whose_session(db, old, now) if old else None
        if known:
            admins.end_session(db, known.admin, known.session.id_hash, now)
        agent = request.headers.get("User-Agent", "")
        token = admins.start_session(db, admin, now, ip=origin(), agent=agent)
    session.clear()
    response = redirect(target, 303)
    response.set_cookie(
        cookie_name(app),
        token,
        max_age=int(admins.LONGEST.total_seconds()),
        path="/",
        secure=_is_secure(app),
        httponly=True,
        samesite="Lax",
    )
    return response


PENDING = "pending"
"""Where a visitor's cookie says who has still to give their code, since when, and where they go then."""
PATIENCE = timedelta(minutes=5)


def let_in(app: App, admin: Admin, target: str) -> AnyResponse:
    """Start a session, or ask for the code first where the admin has a second step."""
    if not second_step.is_on(admin):
        return log_in(app, admin, target)
    session[PENDING] = {"id": admin.id, "at": admins.wall_time(app).isoformat(), "next": target}
    return redirect(url_for("second_step.ask"), 303)


def pending(app: App) -> tuple[int, str] | None:
    """(admin's id, where to go) of a visitor who has still to give their code; None after five minutes."""
    found = session.get(PENDING)
    if not isinstance(found, dict):
        return None
    since = datetime.fromisoformat(found["at"])
    if not timedelta() <= admins.wall_time(app) - since <= PATIENCE:
        return None
    return int(found["id"]), safe_next(found["next"])


def log_out(app: App) -> AnyResponse:
    """End this device's session."""
    with app.db.write() as db:
        admins.end_session(db, current_admin(), current_session().id_hash, admins.wall_time(app))
    session.clear()
    response = redirect(url_for("session.login"), 303)
    response.delete_cookie(cookie_name(app), path="/", secure=_is_secure(app), httponly=True, samesite="Lax")
    return response


def origin() -> str:
    """The network address that a request came from."""
    return request.remote_addr or ""


def safe_next(target: str | None) -> str:
    """A path of this site that may be gone to after log-in; whatever else was asked for becomes the home page."""
    if not target or len(target) > 500:
        return "/"
    plain = target
    for _ in range(3):
        if any(unicodedata.category(c)[0] == "C" for c in plain) or "\\" in plain:
            return "/"
        parts = urlsplit(plain)
        if parts.scheme or parts.netloc or not plain.startswith("/") or plain.startswith("//"):
            return "/"
        plain = unquote(plain)
    return "/" if target.startswith(("/login", "/logout")) else target


def _refuse_stranger() -> AnyResponse:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    address = url_for("session.login")
    if wanted != "/":
        address += f"?next={quote(wanted, safe='/')}"
    if request.headers.get("HX-Request"):
        return make_response("", 401, {"HX-Redirect": url_for("session.login")})
    return redirect(address, 302)


def init_auth(flask: Flask, app: App) -> None:
    """Find out who asks, and hold every route to its permission."""
    flask.jinja_env.globals["may"] = may

    @flask.before_request
    def _guard() -> AnyResponse | Response | None:
        needed = permission_of(flask, request.endpoint) if request.endpoint else "public"
        if request.endpoint == "static":
            return None
        token = request.cookies.get(cookie_name(app))
        if token and request.blueprint not in flask.extensions["doors"]:
            _recognise(app, token)
        if needed == "public":
            return None
        if g.get("admin") is None:
            return _refuse_stranger()
        if not may(needed or "own"):
            raise Forbidden
        return None


def _recognise(app: App, token: str) -> None:
    now = admins.wall_time(app)
    with app.db.read() as db:
        found = admins.whose_session(db, token, now)
    if found is None:
        return
    g.admin, g.admin_session = found.admin, found.session
    if admins.is_stale(found.session, now):
        with app.db.write() as db:
            admins.touch_session(db, found.session.id_hash, now)
