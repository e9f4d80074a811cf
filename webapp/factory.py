"""Puts the Flask application together."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from flask import Blueprint, Flask, current_app

from automation.app import App
from automation.group_commit import GroupCommit
from webapp import doors, pages
from webapp.assets import init_assets
from webapp.auth import init_auth
from webapp.csrf import init_csrf
from webapp.errors import init_errors
from webapp.headers import init_headers
from webapp.navigation import init_navigation
from webapp.permissions import check_declared
from webapp.uploads import init_uploads
from webapp.words import init_words


def _blueprints(package: ModuleType) -> list[Blueprint]:
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}").blueprint for name in names]


def create_app(app: App) -> Flask:
    """The Flask application of an installation. Raises RuntimeError when a route declares no permission."""
    flask = Flask(__name__, static_folder=None)
    app.renderer.patience = 5.0
    flask.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
    flask.jinja_env.trim_blocks = flask.jinja_env.lstrip_blocks = True
    flask.extensions["cartwheel"] = app
    flask.extensions["cartwheel.writer"] = GroupCommit(app.db)
    for_machines, for_admins = _blueprints(doors), _blueprints(pages)
    flask.extensions["doors"] = frozenset(blueprint.name for blueprint in for_machines)
    init_headers(flask, secure=app.settings.public_url.startswith("https://"))
    init_assets(flask)
    init_uploads(flask, app)
    init_csrf(flask, app, for_machines)
    init_auth(flask, app)
    init_errors(flask, flask.extensions["doors"])
    init_words(flask, app)
    init_navigation(flask, app)
    for blueprint in (*for_machines, *for_admins):
        flask.register_blueprint(blueprint)
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
