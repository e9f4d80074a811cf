"""What is done to workers besides killing them: they are stopped past their leases and woken, and cut off."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import create_engine, select, text
from sqlalchemy.pool import NullPool

from automation.app import App
from automation.clock import stopwatch
from automation.models import Lease
from automation.queue import leader
from tests.conftest import SERVER
from tests.crash.broker import SPAN, Broker
from tests.crash.databases import Backup
from tests.crash.shop import LEASE

ASLEEP = 1.5 * LEASE
"""Seconds that a stopped worker is stopped: longer than its leases hold."""
AFTERLIFE = 0.3
"""Seconds that it may go on after it was woken."""
CUT_EVERY, RESTORE_EVERY, BREAK_EVERY, UNSEAT_EVERY = 10, 150, 60, 12
"""So many deaths apart."""


@dataclass
class Life:
    """When a worker is shot, and whether it is stopped and woken before."""

    shoot_at: float
    slack: float = 1.0
    stop_at: float | None = None
    wake_at: float | None = None
    is_leader: bool = False

    def will_be_stopped(self, at: float, seconds: float = ASLEEP, *, is_leader: bool = False) -> None:
        """Stop it then, for so long (and longer on a busy machine)."""
        self.stop_at, self.wake_at, self.shoot_at = at, None, float("inf")
        self._seconds = seconds * self.slack
        self.is_leader = is_leader

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped now."""
        return self.wake_at is not None

    def act(self, pid: int, now: float) -> Iterator[str]:
        """Do to the process what is due; answers what that was."""
        if self.stop_at is not None and now > self.stop_at:
            os.kill(pid, signal.SIGSTOP)
            self.stop_at, self.wake_at = None, now + self._seconds
        elif self.wake_at is not None and now > self.wake_at:
            os.kill(pid, signal.SIGCONT)
            afterlife = AFTERLIFE * self.slack * (2 if self.is_leader else 1)
            self.wake_at, self.shoot_at = None, now + afterlife
            yield "leader stopped past its lease and woken" if self.is_leader else "stopped past its leases and woken"
        elif now > self.shoot_at:
            os.kill(pid, signal.SIGKILL)


class Violence:
    """What happens now and then, by the number of deaths."""

    def __init__(
        self, kills: int, rng: random.Random, done: Counter[str], backup: Backup, broker: Broker | None
    ) -> None:
        self._rng, self._done, self._broker = rng, done, broker
        self._name = backup.database
        self._looked = 0.0
        self._at = {"restore": min(RESTORE_EVERY, max(10, kills // 2))} | dict.fromkeys(("cut", "break", "unseat"), 8)
        self._server = create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def _is_time(self, what: str, deaths: int, every: int) -> bool:
        if deaths < self._at[what]:
            return False
        self._at[what] = deaths + every
        return True

    def is_time_to_restore(self, deaths: int) -> bool:
        """Whether the database's turn has come."""
        return self._is_time("restore", deaths, RESTORE_EVERY)

    def look(self, app: App, deaths: int, running: Mapping[int, Life]) -> None:
        """Do what it is time for."""
        if self._name and self._is_time("cut", deaths, CUT_EVERY):
            self._cut()
        if self._broker is None:
            return
        if self._is_time("break", deaths, BREAK_EVERY):
            self._done[self._broker.hurt(self._rng)] += 1
        if deaths >= self._at["unseat"] and stopwatch() > self._looked + 0.3:
            self._looked = stopwatch()
            if self._unseat(app, running):
                self._at["unseat"] = deaths + UNSEAT_EVERY

    def _cut(self) -> None:
        """The server ends two of the connections to the database, whatever they are at."""
        chosen = text(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = :name "
            "ORDER BY random() LIMIT 2) AS chosen"
        )
        with self._server.connect() as connection:
            cut = connection.execute(chosen, {"name": self._name}).all()
        self._done["database connection cut by the server"] += len(cut)

    def _unseat(self, app: App, running: Mapping[int, Life]) -> bool:
        """Stop the clock that leads, if it lives, for longer than its lease holds."""
        with app.db.read() as session:
            holder = session.scalar(select(Lease.holder).where(Lease.name == leader.CLOCK)) or "::"
        pid = holder.split(":")[1]
        life = running.get(int(pid)) if pid else None
        if life is None or life.is_stopped or not pid:
            return False
        life.will_be_stopped(stopwatch(), 2.5 * SPAN, is_leader=True)
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGSTOP)
        return True
