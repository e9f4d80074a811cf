"""Whose turn it is: no newsletter keeps a sender for long, and no store waits for another's backlog to end.

A sender's turn is short, so that whatever is more urgent meanwhile leaves next. How many messages fit into a turn is
learnt from the last ones. All of it is this process's own memory: losing it costs one longer turn.
"""

from __future__ import annotations

import threading
import weakref
from datetime import timedelta
from itertools import count

from automation.database import Database

TURN = timedelta(seconds=2)
"""Time after which no further request of a claimed batch leaves; what is left of it goes back."""
_LEAST = 10
_WEIGHT = 0.5
"""Of the newest turn in what is remembered of the speed."""


class Turns:
    """What one process remembers of its connections. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = count(1)
        self._served: dict[int, int] = {}
        self._speed: dict[int, float] = {}

    def last_served(self, connection_id: int) -> int:
        """Grows with every turn; 0 for a connection that had none."""
        return self._served.get(connection_id, 0)

    def begin(self, connection_id: int) -> None:
        """Its turn has come."""
        with self._lock:
            self._served[connection_id] = next(self._number)

    def ended(self, connection_id: int, sent: int, span: timedelta) -> None:
        """So many messages went in a turn."""
        if sent <= 0:
            return
        speed = sent / max(span.total_seconds(), 0.001)
        with self._lock:
            before = self._speed.get(connection_id, speed)
            self._speed[connection_id] = before + _WEIGHT * (speed - before)

    def size(self, connection_id: int, most: int) -> int:
        """How many messages to claim for one turn."""
        speed = self._speed.get(connection_id)
        return most if speed is None else max(1, min(most, max(_LEAST, int(speed * TURN.total_seconds()))))


_turns: weakref.WeakKeyDictionary[Database, Turns] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def turns_of(db: Database) -> Turns:
    """This process's memory for a database."""
    with _lock:
        found = _turns.get(db)
        if found is None:
            found = _turns[db] = Turns()
        return found
