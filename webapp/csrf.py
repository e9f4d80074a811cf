"""A page's forms are sent by that page only: a token bound to the visitor's cookie, and the browser's own word.

Doors are exempt: a shop, a provider or a recipient has no cookie of ours and proves itself in another way.
"""

from __future__ import annotations

from flask import Blueprint, Flask, abort, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from markupsafe import Markup

from automation.app import App
from webapp.errors import show

_SAFE = ("GET", "HEAD", "OPTIONS")


def init_csrf(flask: Flask, app: App, exempt: list[Blueprint]) -> None:
    """Check every unsafe request outside the exempt blueprints."""
    secure = app.settings.public_url.startswith("https://")
    flask.secret_key = app.keyring.derive("cookies")
    flask.config.update(
        WTF_CSRF_TIME_LIMIT=None,  # as long as the cookie it is bound to
        WTF_CSRF_SECRET_KEY=app.keyring.derive("csrf"),
        SESSION_COOKIE_NAME="__Host-cartwheel-page" if secure else "cartwheel-page",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
    protect = CSRFProtect(flask)
    doors = {blueprint.name for blueprint in exempt}
    for blueprint in exempt:
        protect.exempt(blueprint)

    @flask.before_request
    def _same_site() -> None:
        if request.method not in _SAFE and request.blueprint not in doors:
            site = request.headers.get("Sec-Fetch-Site", "same-origin")
            if site not in {"same-origin", "none"}:
                abort(400, "This form was sent by another site.")

    @flask.errorhandler(CSRFError)
    def _refused(_: CSRFError) -> tuple[str, int]:
        return show(400, "This page was open for too long", "Nothing was changed. Load the page again and repeat.")

    flask.jinja_env.globals["csrf_field"] = csrf_field


def csrf_field() -> Markup:
    """The hidden field that every form with method="post" begins with."""
    from flask_wtf.csrf import generate_csrf  # noqa: PLC0415  needs a request

    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())
