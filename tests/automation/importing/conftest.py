from __future__ import annotations

from pathlib import Path

import pytest

from automation.app import App
from tests.automation.importing.filed import Desk


@pytest.fixture
def desk(app: App, tmp_path: Path) -> Desk:
    """A store that files are taken into."""
    return Desk(app, tmp_path)
