"""Fixtures of these tests."""

from __future__ import annotations

import pytest

from automation.app import App
from tests.fakes import Post, scripted


@pytest.fixture
def post(app: App) -> tuple[App, Post]:
    """(app, post) with a scripted provider of class B that takes three mails in a request."""
    return scripted(app, "B")
