"""Puts the Flask application together."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from flask import Flask, current_app

from automation.app import App
from automation.group_commit import GroupCommit
from webapp import doors, pages
from webapp.headers import init_headers
from webapp.permissions import check_declared


def _register(flask: Flask, package: ModuleType) -> None:
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        flask.register_blueprint(module.blueprint)


def create_app(app: App) -> Flask:
    """The Flask application of an installation. Raises RuntimeError when a route declares no permission."""
    flask = Flask(__name__, static_folder="static/dist", static_url_path="/static")
    flask.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
    flask.extensions["cartwheel"] = app
    flask.extensions["cartwheel.writer"] = GroupCommit(app.db)
    init_headers(flask, secure=app.settings.public_url.startswith("https://"))
    _register(flask, doors)
    _register(flask, pages)
    check_declared(flask)
    return flask


def the_app() -> App:
    """The installation that this request is served for."""
    app: App = current_app.extensions["cartwheel"]
    return app


def the_writer() -> GroupCommit:
    """What the doors' small writes go through: concurrent ones share a commit."""
    writer: GroupCommit = current_app.extensions["cartwheel.writer"]
    return writer
