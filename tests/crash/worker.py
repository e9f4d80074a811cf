"""What the campaign forks: workers that deliver until they are killed, and a shop that keeps them in work."""

from __future__ import annotations

import logging
import mmap
import os
import random
import signal
import struct
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from automation import faults
from automation.app import App
from automation.clock import stopwatch
from automation.security import random_id
from automation.stages.deliver import deliver
from tests.crash import shop

LIMIT = 12
"""Messages per call of the stage."""


class Tally:
    """Counters that outlive a killed process: for each point, how often it was passed and how often it was deadly."""

    def __init__(self) -> None:
        self.points = list(faults.POINTS)
        self._map = mmap.mmap(-1, 16 * len(self.points) + 16)

    def add(self, index: int, column: int) -> int:
        """Count one more; answers the new value."""
        at = 16 * index + 8 * column
        value: int = struct.unpack_from("q", self._map, at)[0] + 1
        struct.pack_into("q", self._map, at, value)
        return value

    def get(self, index: int, column: int) -> int:
        """The value of a counter."""
        return int(struct.unpack_from("q", self._map, 16 * index + 8 * column)[0])

    def stop(self) -> None:
        """Ask the supplier to stop."""
        self.add(len(self.points), 0)

    @property
    def is_stopped(self) -> bool:
        return self.get(len(self.points), 0) > 0


@dataclass(frozen=True)
class Plan:
    """How a worker dies: at the n-th pass of a point (or of any), or whenever it is shot."""

    point: str | None
    """None: any point."""
    passes: int = 1
    """0: it does not die by itself."""
    senders: int = 1


def _reborn(app: App) -> App:
    """The App of a forked child: the parent's prepared statements, but its own connections and name."""
    app.db.engine.dispose(close=False)
    return replace(app, worker_id=f"crash:{os.getpid()}:{random_id()[:8]}")


def fork(body: Callable[[], None], errors: Path) -> int:
    """Run `body` in a child that leaves no traces of its parent; answers its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        logging.disable(logging.CRITICAL)
        body()
        code = 0
    except BaseException:  # noqa: BLE001  whatever it is, the audit must hear of it
        with errors.open("a") as file:
            file.write(traceback.format_exc() + "\n")
    finally:
        os._exit(code)


def work(
    app: App, plan: Plan, tally: Tally, errors: Path, stage: Callable[[App, datetime, int], int] = deliver
) -> NoReturn:
    """Deliver until killed."""
    app = _reborn(app)
    index = {name: i for i, name in enumerate(tally.points)}
    left = plan.passes

    def pass_point(name: str) -> None:
        nonlocal left
        tally.add(index[name], 0)
        if plan.point in (None, name):
            left -= 1
            if left == 0:
                tally.add(index[name], 1)
                os.kill(os.getpid(), signal.SIGKILL)

    faults.arm(pass_point)
    threads = [threading.Thread(target=_loop, args=(app, errors, stage), daemon=True) for _ in range(plan.senders - 1)]
    for thread in threads:
        thread.start()
    _loop(app, errors, stage)


def _loop(app: App, errors: Path, stage: Callable[[App, datetime, int], int]) -> NoReturn:
    while True:
        try:
            moved = stage(app, app.clock(), LIMIT)
        except Exception:  # noqa: BLE001  as above
            with errors.open("a") as file:
                file.write(traceback.format_exc() + "\n")
            moved = 0
        if not moved:
            time.sleep(0.005)


def supply(app: App, tally: Tally, seed: int, suppressed: Path) -> None:
    """Keep the workers in work until told to stop, and suppress a recipient now and then."""
    app = _reborn(app)
    rng = random.Random(seed)
    while not tally.is_stopped:
        with app.db.read() as session:
            ready = shop.count_ready(session)
        if ready < 60:
            with app.db.write() as session:
                shop.stock_up(session, rng, 90, app.clock())
        if rng.random() < 0.05:
            with app.db.write() as session:
                ids = shop.suppress_some(session, rng, 2, app.clock())
            with suppressed.open("a") as file:
                file.writelines(f"{i} {stopwatch():.4f}\n" for i in ids)
        time.sleep(0.05)
