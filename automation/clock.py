"""The only reader of the time.

Everything else takes `now` as an argument. A demo shop's clock can be turned forward: its offset lives in a
file of the data folder, so that the web and the worker process agree on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]
"""Answers the present as an aware UTC datetime."""


def real_time() -> datetime:
    """The machine's present, aware and in UTC."""
    return datetime.now(UTC)


def stopwatch() -> float:
    """Seconds on a clock that never goes back; for measuring spans, not for telling the time."""
    return time.monotonic()


class TurnableClock:
    """A clock for tests: stands still until it is turned."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the clock needs an aware datetime")
        self.now = now.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, span: timedelta) -> datetime:
        """Move by `span`, back or forth, and answer the new present."""
        self.now += span
        return self.now


class ShiftedClock:
    """The machine's time plus an offset kept in a file; what the demo's fast-forward turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: int | None = None
        self._offset = timedelta()

    def __call__(self) -> datetime:
        return real_time() + self.offset()

    def offset(self) -> timedelta:
        """How far this clock is ahead of the machine's."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return timedelta()
        if stamp != self._stamp:
            self._offset = timedelta(seconds=float(self._path.read_text() or "0"))
            self._stamp = stamp
        return self._offset

    def turn(self, span: timedelta) -> datetime:
        """Move forward by `span` for every process that reads the same file.

        Raises ValueError for a negative span: rows written in the future would become unexplainable.
        """
        if span < timedelta():
            raise ValueError("the demo's clock only goes forward")
        offset = self.offset() + span
        temporary = self._path.with_suffix(".new")
        temporary.write_text(str(offset.total_seconds()))
        temporary.replace(self._path)
        return self()
