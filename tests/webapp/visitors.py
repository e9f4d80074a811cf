"""Visitors of the admin pages: a browser without a screen, that sends what a browser would send."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from automation.actions import admins
from automation.app import App
from automation.models import Admin
from tests.pages import open_pages
from webapp.auth import cookie_name

SITE = "https://mail.example.com"


class Visitor:
    """Somebody with a browser: keeps cookies, and sends forms with the token of the page they stand on."""

    def __init__(self, flask: Flask) -> None:
        self.client = flask.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, base_url=SITE, **options)

    def token(self, path: str = "/login") -> str:
        """The CSRF token that a page of theirs carries."""
        page = self.get(path, follow_redirects=True).text
        found = re.search(r'name="csrf[-_]token" (?:content|value)="([^"]+)"', page)
        assert found, page[:500]
        return unescape(found[1])

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, token: str | None = None, **more: Any
    ) -> TestResponse:
        """Send a form; with the right token unless another (or an empty one) is given."""
        given = self.token() if token is None else token
        headers = {"Referer": f"{SITE}/", **more.pop("headers", {})}
        return self.client.post(
            path, base_url=SITE, headers=headers, data={"csrf_token": given, **(data or {})}, **more
        )

    @property
    def session_cookie(self) -> str | None:
        found = self.client.get_cookie("__Host-cartwheel", domain="mail.example.com")
        return found.value if found else None


def application(app: App) -> Flask:
    """The Flask application, whose mistakes are raised rather than shown."""
    flask = open_pages(app)
    flask.testing = True
    return flask


def an_admin(app: App, role: str = "owner", email: str = "") -> Admin:
    """An admin of a role, made at first use."""
    address = email or f"{role}@example.com"
    with app.db.write() as session:
        found = session.scalar(select(Admin).where(Admin.email == address))
        return found or admins.create_admin(session, address, app.clock(), name=role.title(), role=role)


def logged_in(flask: Flask, app: App, role: str = "owner") -> Visitor:
    """A visitor with a session; how one gets it is tested elsewhere."""
    admin = an_admin(app, role)
    with app.db.write() as session:
        token = admins.start_session(session, admin, app.clock(), ip="192.0.2.7", agent="Test")
    visitor = Visitor(flask)
    visitor.client.set_cookie(cookie_name(app), token, domain="mail.example.com", secure=True, httponly=True)
    return visitor
