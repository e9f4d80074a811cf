"""A command line on a data folder of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from automation.__main__ import main

Cartwheel = Callable[..., Result]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An embedded installation on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {"CARTWHEEL_DATA": str(tmp_path / "data"), "CARTWHEEL_PORT": str(port)}


@pytest.fixture
def cartwheel(environment: dict[str, str]) -> Cartwheel:
    """Runs a command in this process."""

    def run(*arguments: str, **more: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env={**environment, **more})

    return run
