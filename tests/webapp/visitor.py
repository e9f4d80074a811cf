"""An admin in front of the pages: gets, and posts with the token that the page before it held."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from automation.actions import admins
from automation.app import App
from tests.conftest import NOW
from webapp.auth import cookie_name

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Visitor:
    """A logged-in admin of a role."""

    def __init__(self, app: App, flask: Flask, role: str = "owner") -> None:
        self.base = app.settings.public_url
        self.client = flask.test_client()
        with app.db.write() as session:
            admin = admins.create_admin(session, f"{role}@example.com", NOW, role=role)
            token = admins.start_session(session, admin, NOW)
        domain = self.base.partition("://")[2]
        self.client.set_cookie(cookie_name(app), token, domain=domain, secure=True)

    def get(self, path: str, *, fragment: bool = False) -> str:
        """The page's HTML, which must be there."""
        response = self.ask(path, fragment=fragment)
        assert response.status_code == 200, (response.status_code, response.headers.get("Location"), response.text)
        return response.text

    def ask(self, path: str, *, fragment: bool = False) -> TestResponse:
        """The answer, whatever it is."""
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"} if fragment else {}
        return self.client.get(path, base_url=self.base, headers=headers)

    def post(self, path: str, **data: Any) -> TestResponse:
        """Send a form as the browser does."""
        found = _TOKEN.search(self.get("/"))
        assert found is not None
        data["csrf_token"] = found[1]
        headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{self.base}/"}
        return self.client.post(path, base_url=self.base, data=data, headers=headers)


def close(flask: Flask) -> None:
    """End what the application runs beside its requests."""
    for name in ("cartwheel.reception", "cartwheel.writer"):
        if name in flask.extensions:
            flask.extensions[name].close()
