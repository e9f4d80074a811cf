"""The shop that the tests of intake share."""

from __future__ import annotations

import pytest

from automation.app import App
from tests.automation.intake.shop import Shop


@pytest.fixture
def shop(app: App) -> Shop:
    """A connected shop."""
    return Shop(app)
