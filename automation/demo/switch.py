"""Whether the simulated shoppers are about: a file in the data folder, as the demo's clock is one."""

from __future__ import annotations

from pathlib import Path

from automation.settings import Settings


def _path(settings: Settings) -> Path:
    return settings.data / "storefront.paused"


def is_paused(settings: Settings) -> bool:
    """True while nobody shops."""
    return _path(settings).exists()


def pause(settings: Settings) -> None:
    """Send the shoppers home."""
    _path(settings).touch()


def resume(settings: Settings) -> None:
    """Let them in again."""
    _path(settings).unlink(missing_ok=True)
