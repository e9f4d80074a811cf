"""The application, a store in it, and people who visit its pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from automation.app import App
from automation.models import Store
from tests import make
from tests.webapp.visitors import Visitor, application, logged_in
from webapp import assets


@pytest.fixture(scope="session", autouse=True)
def _front_end() -> None:
    assets.build()


@pytest.fixture
def site(app: App) -> Iterator[Flask]:
    """The Flask application of `app`."""
    flask = application(app)
    yield flask
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


@pytest.fixture
def store(app: App) -> Store:
    with app.db.write() as session:
        return make.store(session)


@pytest.fixture
def owner(site: Flask, app: App, store: Store) -> Visitor:
    """Who may do everything, logged in."""
    return logged_in(site, app, "owner")


@pytest.fixture
def stranger(site: Flask) -> Visitor:
    """Somebody who is not logged in."""
    return Visitor(site)
