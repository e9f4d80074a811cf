"""The present within one long call: the `now` it was given, moving on with the installation's clock."""

from __future__ import annotations

from datetime import datetime

from automation.app import App


class Moment:
    """Answers the present. A worker that was stopped and woken sees that time went by, and that its lease ran out."""

    def __init__(self, app: App, now: datetime) -> None:
        self._clock = app.clock
        self._ahead = now - app.clock()

    def __call__(self) -> datetime:
        return self._clock() + self._ahead
