"""The metronome: APScheduler calls each stage every second or so. It holds no due times; the tables do."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from automation import collecting
from automation.app import App
from automation.clock import stopwatch
from automation.database import sentence
from automation.models import Heartbeat
from automation.stages.advance import advance
from automation.stages.attribute import attribute
from automation.stages.decide import decide
from automation.stages.deliver import deliver
from automation.stages.enrol import enrol
from automation.stages.fulfil import fulfil
from automation.stages.issue import issue
from automation.stages.lapse import lapse
from automation.stages.listen import listen
from automation.stages.load import load
from automation.stages.measure import measure
from automation.stages.poll import poll
from automation.stages.post import post
from automation.stages.settle import settle
from automation.stages.summarise import summarise
from automation.stages.tell import tell
from automation.stages.warn import warn
from automation.stages.watch import watch

log = logging.getLogger(__name__)

Stage = Callable[[App, datetime, int], int]

STAGES: Mapping[str, Stage] = {
    "poll": poll,
    "listen": listen,
    "load": load,
    "fulfil": fulfil,
    "lapse": lapse,
    "settle": settle,
    "summarise": summarise,
    "issue": issue,
    "enrol": enrol,
    "advance": advance,
    "decide": decide,
    "deliver": deliver,
    "attribute": attribute,
    "post": post,
    "watch": watch,
    "measure": measure,
    "warn": warn,
    "tell": tell,
}
"""The belt, in its order."""

LIMITS: Mapping[str, int] = {
    "poll": 50,
    "listen": 500,
    "load": 10_000,
    "fulfil": 20,
    "lapse": 1000,
    "settle": 1000,
    "issue": 1000,
    "summarise": 500,
    "enrol": 1_000_000,
    "advance": 1000,
    "decide": 2500,
    "attribute": 1000,
    "post": 100,
    "measure": 5,
    "warn": 50,
    "tell": 20,
}
"""Rows a stage moves in one call; deliver's is the settings' batch size."""

PATIENT = frozenset({"summarise", "measure", "warn"})
"""Stages with long transactions and no hurry: one call a tick, so that on SQLite others get their turn to write."""

MAX_ROUNDS = 100_000
SILENCE = 60.0
"""Seconds between two lines about a database that does not answer."""


def run_stage(app: App, name: str, now: datetime) -> int:
    """One call of a stage; the rows it moved."""
    start, moved, is_well = stopwatch(), 0, False
    try:
        moved = STAGES[name](app, now, LIMITS.get(name, app.settings.batch_size))
        is_well = True
    finally:
        app.counts.add("stage_seconds", name, stopwatch() - start)
        app.counts.add("stage_runs", name)
        app.counts.add("stage_rows", name, moved)
        app.counts.add("stage_failures", name, int(not is_well))
    return moved


def drain(app: App, is_stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Run the belt until every stage rests, or until told to stop; rows moved by each stage."""
    moved = dict.fromkeys(STAGES, 0)
    for _ in range(MAX_ROUNDS):
        busy = 0
        for name in STAGES:
            while not is_stopping() and (count := run_stage(app, name, app.clock())):
                moved[name] += count
                busy += count
        if not busy or is_stopping():
            break
    return moved


def lanes_of(app: App, name: str) -> int:
    """How many threads of a worker run a stage at once.

    A server writes down one batch of verdicts while we think about the next; SQLite lets one write at a time.
    """
    if name == "deliver":
        return app.settings.senders
    return 2 if name == "decide" and not app.db.is_sqlite else 1


class Beat:
    """Calls every stage once per tick until it is stopped.

    A stage that is still busy at its next tick is not called twice; one that raises is called again at the next.
    """

    def __init__(self, app: App, extra: Mapping[str, Callable[[], object]] | None = None) -> None:
        self._app = app
        self._stopping = threading.Event()
        self._missing: dict[str, float] = {}
        """Jobs that the database did not answer, and when that was said last."""
        self._jobs: dict[str, Callable[[], object]] = {name: partial(self._drain, name) for name in STAGES}
        self._jobs |= {
            f"{name}-{n}": partial(self._drain, name) for name in STAGES for n in range(1, lanes_of(app, name))
        }
        self._jobs |= {"heartbeat": self._beat, **(extra or {})}
        # Never a job late, never two of a kind, never a stored one: see APScheduler's misfire rules.
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(len(self._jobs))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    @property
    def is_stopping(self) -> bool:
        """True once the belt was asked to stop."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to tick."""
        for name, action in self._jobs.items():
            self._scheduler.add_job(
                partial(self._run, name, action), "interval", seconds=self._app.settings.tick_seconds, id=name
            )
        self._scheduler.start()

    def stop(self) -> None:
        """End after the batches that are under way."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)

    def _drain(self, name: str) -> None:
        while not self._stopping.is_set() and run_stage(self._app, name, self._app.clock()):
            if name in PATIENT:
                return

    def _beat(self) -> None:
        now = self._app.clock()
        with self._app.db.write() as session:
            beat(session, "worker", now, process=self._app.worker_id, counts=self._app.counts.snapshot())

    def _run(self, name: str, action: Callable[[], object]) -> None:
        if self._stopping.is_set():
            return
        try:
            action()
        except OperationalError as error:
            self._miss_the_database(name, error)
        except Exception:
            # The next tick tries again: what is due stays due. Only a log line may be lost.
            log.exception("%s failed", name)
        else:
            if name in self._missing:
                self._missing.pop(name, None)
                log.info("%s: the database answers again", name)

    def _miss_the_database(self, name: str, error: OperationalError) -> None:
        """A line at first and then every minute: what is due stays due, and goes on by itself."""
        if stopwatch() - self._missing.get(name, -SILENCE) >= SILENCE:
            self._missing[name] = stopwatch()
            log.warning("%s waits. %s", name, sentence(error))


def beat(session: Session, name: str, now: datetime, **detail: Any) -> None:
    """Leave a sign of life, and what was counted."""
    session.merge(Heartbeat(name=name, at=now, detail=detail))


def take_turns() -> None:
    """Let threads that wait for a pipe or a socket have the interpreter sooner than by default.

    With 5 ms a render child's pipe runs full while another thread computes: on two cores that costs a third of the
    mails per second (`bench/throughput.py`).
    """
    sys.setswitchinterval(0.0005)


def run_worker(app: App, stopping: threading.Event, extra: Mapping[str, Callable[[], object]] | None = None) -> None:
    """Tick until `stopping` is set; `extra` jobs tick along (the demo's storefront)."""
    take_turns()
    collecting.settle()
    belt = Beat(app, extra)
    belt.start()
    try:
        stopping.wait()
    finally:
        belt.stop()
