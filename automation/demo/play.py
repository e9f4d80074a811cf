"""What ticks along in a demo's worker: the storefront's shoppers, and the clock when somebody turns it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from automation.app import App
from automation.demo import fast_forward, switch
from automation.demo.storefront import Storefront
from automation.queue.beat import drain
from automation.running import local_url

VISITS_PER_HOUR = 60.0
"""While a person watches."""
VISITS_PER_TURNED_HOUR = 6.0
"""While the clock is turned: a shop of this size, without making days take minutes."""
_HEAD_START = timedelta(minutes=5)


class Play:
    """The demo's two jobs. They share the shoppers, so only one of them runs at a time."""

    def __init__(self, app: App, stopping: threading.Event) -> None:
        self._app = app
        self._stopping = stopping
        self._http = app.http()
        # Shoppers are in the shop already when it opens: the first of their webhooks come in at once.
        self._now = app.clock() - _HEAD_START
        self._shop = Storefront(app, local_url(app.settings), self._http, seed=self._now.isoformat())
        self._turn = threading.Lock()

    def storefront(self) -> None:
        """Let happen what happened since the last call."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            now = self._app.clock()
            if not switch.is_paused(self._app.settings):
                self._shop.play(self._now, now, VISITS_PER_HOUR)
            self._now = now
        finally:
            self._turn.release()

    def fast_forward(self) -> None:
        """Turn the clock if somebody asked for it."""
        with self._turn:
            if fast_forward.go(self._app, self._between, self._drain, self._stopping.is_set):
                self._now = self._app.clock()

    def _between(self, before: datetime, now: datetime) -> None:
        if not switch.is_paused(self._app.settings):
            self._shop.play(before, now, VISITS_PER_TURNED_HOUR)

    def _drain(self) -> None:
        drain(self._app, self._stopping.is_set)

    def close(self) -> None:
        """Close the storefront's connections."""
        self._http.close()
