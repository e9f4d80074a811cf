"""The scene behind the pages, and an admin who looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from automation.app import App
from tests.webapp import scene
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor
from webapp.assets import is_built
from webapp.factory import create_app


@pytest.fixture
def flask(app: App) -> Iterator[Flask]:
    if not is_built():
        pytest.skip("the front end is not built (python -m webapp.assets)")
    flask = create_app(app)
    yield flask
    flask.extensions["cartwheel.writer"].close()


@pytest.fixture
def shop(app: App) -> Scene:
    """The scene, played."""
    return scene.build(app)


@pytest.fixture
def owner(app: App, flask: Flask) -> Visitor:
    return Visitor(app, flask)


@pytest.fixture
def viewer(app: App, flask: Flask) -> Visitor:
    return Visitor(app, flask, "viewer")
