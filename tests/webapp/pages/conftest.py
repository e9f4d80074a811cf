"""The scene behind the pages, and an admin who looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from automation.app import App
from tests.pages import open_pages
from tests.webapp import scene
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor, close
from webapp.assets import is_built


@pytest.fixture
def rooms(app: App) -> Iterator[Flask]:
    """The pages of `app`."""
    if not is_built():
        pytest.skip("the front end is not built (python -m webapp.assets)")
    flask = open_pages(app)
    yield flask
    close(flask)


@pytest.fixture
def shop(app: App) -> Scene:
    """The scene, played."""
    return scene.build(app)


@pytest.fixture
def _played(request: pytest.FixtureRequest) -> None:
    """The scene comes before who looks at it: it is put into an empty database."""
    if "shop" in request.fixturenames:
        request.getfixturevalue("shop")


@pytest.fixture
def keeper(app: App, rooms: Flask, _played: None) -> Visitor:
    """An owner, logged in."""
    return Visitor(app, rooms)


@pytest.fixture
def onlooker(app: App, rooms: Flask, _played: None) -> Visitor:
    """A viewer, logged in."""
    return Visitor(app, rooms, "viewer")
