"""Room for large files, for those alone who may bring them: everybody else keeps the small limit of all requests."""

from __future__ import annotations

from flask import Flask, request

from automation.actions import admins
from automation.app import App
from automation.importing.files import MOST
from webapp.auth import cookie_name
from webapp.permissions import ROLES, permission_of

ROOMY = frozenset({"imports.upload", "offers.bring"})
"""Endpoints that take files."""


def init_uploads(flask: Flask, app: App) -> None:
    """Lift the limit before anything reads a body; stands before the check of forms, which is the first to read one."""

    @flask.before_request
    def _make_room() -> None:
        token = request.cookies.get(cookie_name(app))
        if request.endpoint not in ROOMY or request.method != "POST" or not token:
            return
        with app.db.read() as session:
            found = admins.whose_session(session, token, admins.wall_time(app))
            role = found.admin.role if found else ""
        if permission_of(flask, request.endpoint) in ROLES.get(role, frozenset()):
            request.max_content_length = MOST + (1 << 20)
