"""What the campaign forks: workers that deliver until they are killed, and a shop that keeps them in work."""

from __future__ import annotations

import ctypes
import gc
import logging
import mmap
import os
import random
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from sqlalchemy.exc import SQLAlchemyError

from automation import faults
from automation.app import App
from automation.clock import stopwatch
from automation.security import random_id
from automation.stages.deliver import deliver
from tests.crash import belt, shop
from tests.crash.belt import LIMIT

Stage = Callable[[App, datetime, int], int]
CUT = (
    "AdminShutdown",
    "terminating connection",
    "server closed the connection",
    "connection is closed",
    "is lost",
    "too many clients",
    "timeout expired",
)
"""What an error says whose cause is a connection that was cut, as the campaign cuts them."""


class Tally:
    """Counters that outlive a killed process: for each point, how often it was passed and how often it was deadly."""

    def __init__(self) -> None:
        self.points = list(faults.POINTS)
        self._map = mmap.mmap(-1, 16 * len(self.points) + 16)
        """One more pair than points: whether the supplier is to stop, and the errors of cut connections."""

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
    def index(self) -> dict[str, int]:
        """Where each point is counted."""
        return {name: i for i, name in enumerate(self.points)}

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
    hurry: float = float("inf")
    """Seconds of the processor after which it dies at whatever point comes next."""
    fuse: float = 0.0
    """Seconds of the processor after which the system ends it, wherever it is; 0 for never."""
    senders: int = 1
    stage: Stage = deliver
    limit: int = LIMIT
    """Rows per call of the stage."""
    rest: float = 0.005
    """Seconds until the next call when there was nothing to do."""


def reborn(app: App) -> App:
    """The App of a forked child: the parent's prepared statements, but its own connections and name."""
    app.db.engine.dispose(close=False)
    return replace(app, worker_id=f"crash:{os.getpid()}:{random_id()[:8]}")


def die_with_parent() -> None:
    """Where the system can be told: no child goes on when the campaign itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def fork(body: Callable[[], None], errors: Path) -> int:
    """Run `body` in a child that leaves no traces of its parent; answers its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        die_with_parent()
        logging.disable(logging.CRITICAL)
        body()
        code = 0
    except BaseException:  # noqa: BLE001  whatever it is, the audit must hear of it
        with errors.open("a") as file:
            file.write(traceback.format_exc() + "\n")
    finally:
        os._exit(code)


def arm(plan: Plan, tally: Tally) -> None:
    """Count every point that is passed, and die where the plan says."""
    index, left, end = tally.index, plan.passes, time.process_time() + plan.hurry

    def pass_point(name: str) -> None:
        nonlocal left
        tally.add(index[name], 0)
        left -= plan.point in (None, name)
        if plan.passes and (left == 0 or time.process_time() > end):
            tally.add(index[name], 1)
            os.kill(os.getpid(), signal.SIGKILL)

    faults.arm(pass_point)
    if plan.fuse:
        # Nobody handles SIGPROF: the system ends the process between two instructions, as SIGKILL does.
        signal.setitimer(signal.ITIMER_PROF, plan.fuse)


def work(app: App, plan: Plan, tally: Tally, errors: Path) -> NoReturn:
    """Run the plan's stage until killed."""
    # Whoever lives so shortly need not tidy up, and looking for garbage would copy the parent's memory.
    gc.disable()
    app = reborn(app)
    arm(plan, tally)
    rounds = (app, plan, tally, errors)
    for _ in range(plan.senders - 1):
        threading.Thread(target=_loop, args=rounds, daemon=True).start()
    _loop(*rounds)


def _loop(app: App, plan: Plan, tally: Tally, errors: Path) -> NoReturn:
    while True:
        moved = 0
        with forgiving(tally, errors):
            moved = plan.stage(app, app.clock(), plan.limit)
        if not moved:
            time.sleep(plan.rest)


def is_cut(error: Exception) -> bool:
    """Whether a cut connection is all that is wrong."""
    return isinstance(error, SQLAlchemyError) and any(words in str(error) for words in CUT)


@contextmanager
def forgiving(tally: Tally, errors: Path) -> Iterator[None]:
    """Whatever goes wrong is written down, and the next round tries again. Cut connections are counted only."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, the audit must hear of it
        told = traceback.format_exc()
        if is_cut(error):
            tally.add(len(tally.points), 1)
        else:
            with errors.open("a") as file:
                file.write(told + "\n")


def supply(app: App, tally: Tally, seed: int, suppressed: Path, errors: Path, *, whole: bool) -> None:
    """Keep the workers in work until told to stop, and suppress a recipient now and then."""
    app = reborn(app)
    rng = random.Random(seed)
    while not tally.is_stopped:
        with forgiving(tally, errors):
            _supply_once(app, rng, suppressed)
            if whole and rng.random() < 0.3:
                belt.let_come(app, rng, 3)
                belt.hand_in(app)
        time.sleep(0.05)


def _supply_once(app: App, rng: random.Random, suppressed: Path) -> None:
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
