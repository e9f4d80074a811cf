"""The application with a client, and a shop whose webhooks say how they want to be taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from automation.app import App
from automation.changes import Change, EventHappened
from automation.errors import BadSignature, Unreadable
from automation.platform import Envelope, Platform, PlatformSettings, Request, read_json
from automation.security import same
from tests.pages import open_pages
from tests.webapp.doors.mailed import Mail, mail_to


class CornerSettings(PlatformSettings):
    secret: SecretStr


class CornerShop(Platform):
    """A shop that sends its secret along, its delivery's id and its topic."""

    kind = "corner"
    label: ClassVar[str] = "Corner shop"
    Settings = CornerSettings
    topics = frozenset({"bell"})

    def open(self, request: Request, now: datetime) -> Envelope:
        if not same(request.headers.get("x-secret", ""), self.settings.secret.get_secret_value()):
            raise BadSignature
        said = read_json(request.body)
        if not isinstance(said, dict):
            raise Unreadable("The body must be an object.")
        return Envelope(request.headers.get("x-id", ""), request.headers.get("x-topic", "bell"), request.body, now)

    def translate(self, envelope: Envelope) -> list[Change]:
        assert envelope.triggered_at is not None
        return [EventHappened(name="bell.rang", at=envelope.triggered_at)]


@pytest.fixture
def shops(app: App) -> App:
    """The installation, with corner shops among its platforms."""
    return replace(app, platforms={**app.platforms, "corner": CornerShop})


@pytest.fixture
def flask(shops: App) -> Iterator[Flask]:
    flask = open_pages(shops)
    flask.testing = False  # what breaks must be seen as shops and shoppers see it
    yield flask
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


@pytest.fixture
def web(flask: Flask) -> FlaskClient:
    return flask.test_client()


def said(answer: TestResponse) -> Any:
    """What an answer says in JSON."""
    assert answer.is_json or answer.mimetype == "application/problem+json", answer.data
    return answer.json


@pytest.fixture
def mail(app: App) -> Mail:
    """A mail that was sent to Ada."""
    return mail_to(app, "Ada")
