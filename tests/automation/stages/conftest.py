"""Fixtures of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from automation.app import App
from tests.fakes import scripted


@pytest.fixture
def post(app: App, request: pytest.FixtureRequest) -> Any:
    """(app, post) with a scripted provider of class B."""
    return scripted(app, "B")
