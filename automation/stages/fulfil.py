"""Fulfil: carry out what people asked for by law through their shop."""

from __future__ import annotations

from datetime import datetime

from automation.app import App
from automation.erasing import requests


def fulfil(app: App, now: datetime, limit: int) -> int:
    """Carry out up to `limit` requests for erasure that need nobody's word; how many."""
    return requests.carry_out(app, now, limit)
