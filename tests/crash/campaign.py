"""Fork, kill, fork again; then drain without killing, and audit."""

from __future__ import annotations

import gc
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select, update

from automation.app import App
from automation.clock import stopwatch
from automation.models import Connection, Message
from automation.stages.deliver import deliver
from tests.crash import belt, belt_audit, shop, world
from tests.crash.audit import audit
from tests.crash.broker import Broker, work_for_broker
from tests.crash.databases import Backup, backup_of
from tests.crash.violence import Life, Violence
from tests.crash.worker import Plan, Stage, Tally, fork, supply, work

PATIENCE = 0.4
"""Seconds until a worker that does not come to its point is shot where it stands; workers share the processors."""
HURRY = 0.25
"""Seconds of the processor within which a worker should come to its point, or the next point is its last."""
MOST_SLACK = 10.0
"""How many times longer leases hold at most, on a busy machine."""
DISTRIBUTED_PATIENCE = 2.5
"""The same for a Celery worker, which takes longer to get up."""


@dataclass
class Campaign:
    """One run on one database."""

    folder: Path
    database_url: str | None
    kills: int
    seed: int = 1
    workers: int = 1
    trouble: float = 0.04
    stage: Stage | None = None
    """Another one in the place of delivering, alone: for the proof that the audit can fail."""
    aim: str = ""
    """Beginning of the names of the points that are aimed at; all of them where it is empty."""
    warm_up: float = 2.5
    """Seconds: long enough for unknown messages to be found out about, whose statements workers then inherit."""
    broker: Broker | None = None
    tally: Tally = field(default_factory=Tally)
    deaths: int = 0
    running: dict[int, Life] = field(default_factory=dict)
    children: set[int] = field(default_factory=set)
    """Others that must not outlive us."""
    aimed: Counter[str] = field(default_factory=Counter)
    """How often each point was to be a worker's last."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each kind of violence was done."""

    def run(self) -> dict[str, Any]:
        """The whole campaign; its report as plain JSON."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rng = random.Random(self.seed)
        self.errors = self.folder / "errors"
        self.truth, self.suppressed = self.folder / "truth", self.folder / "suppressed"
        self.truth.touch()
        provider, port = world.start(self.truth, self.seed, self.trouble)
        self.url = f"http://127.0.0.1:{port}"
        broker_url = self.broker.url if self.broker else None
        self.slack = min(MOST_SLACK, self._crowd())
        app = shop.put_together(self.folder / "data", self.database_url, broker_url, self.slack)
        app = belt.equip(app, self.url)
        try:
            self._prepare(app)
            started = stopwatch()
            self._kill_workers(app)
            seconds = stopwatch() - started
            drained = self._drain(app)
            findings = audit(
                app,
                self.truth,
                self.suppressed,
                in_flight=2,
                kills=self.deaths,
                unanswered_allowed=self._unanswered(app),
            )
            if self.is_whole:
                counts, wrong = belt_audit.look(app, self.truth)
                findings.counts["belt"] = counts
                findings.faults.extend(wrong)
        finally:
            gc.unfreeze()
            for pid in {provider, *self.children, *self.running}:
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
            app.close()
        return self._report(findings, seconds, drained)

    @property
    def is_whole(self) -> bool:
        """Whether the whole belt runs, not only its sending."""
        return self.stage is None

    def _prepare(self, app: App) -> None:
        """The database; and a first round in this process, so that workers inherit prepared statements."""
        shop.furnish(app, self.url)
        if self.is_whole:
            belt.furnish(app, self.url)
            belt.let_come(app, self.rng, 6)
            belt.hand_in(app)
        with app.db.write() as session:
            shop.stock_up(session, self.rng, 60, app.clock())
        run = belt.walk() if self.is_whole else deliver
        started = stopwatch()
        while True:
            run(app, app.clock(), belt.LIMIT)
            with app.db.write() as session:
                shop.lose_some(session, app.clock())
            if stopwatch() - started > self.warm_up:
                break
        app.db.engine.dispose()
        # What is there now stays where it is: no collection in a child copies its pages.
        gc.collect()
        gc.freeze()

    def _plan(self) -> tuple[Plan, float]:
        """How the next worker dies, and how long it may take."""
        senders = self.rng.choice((1, 1, 2))
        patience = (DISTRIBUTED_PATIENCE if self.broker else PATIENCE) * self._crowd()
        dice = self.rng.random()
        hurry = 2 * HURRY if self.broker else HURRY
        plan = partial(Plan, senders=senders)
        if dice < 0.12:
            fuse = self.rng.uniform(0.01, 1.5) * hurry
            return plan(None, 0, fuse=fuse, stage=self._stage()), 10 * patience
        if dice < 0.2:
            shortest = 0.1 if self.broker else 0.01
            return plan(None, 0, stage=self._stage()), self.rng.uniform(shortest, patience / 2)
        if dice < 0.45:
            passes = min(40, 1 + int(self.rng.expovariate(1 / 8)))
            return plan(None, passes, hurry=hurry, stage=self._stage()), 10 * patience
        points = self.tally.points if self.is_whole else [p for p in self.tally.points if belt.stage_of(p) == "deliver"]
        points = [p for p in points if p.startswith(self.aim)]
        # Points that killed least so far come first: rare ones need many tries.
        index = self.tally.index
        # Those that nobody ever came by are not waited for again and again.
        weights = [1 / (1 + max(self.tally.get(index[p], 1), self._in_vain(p))) ** 2 for p in points]
        point = self.rng.choices(points, weights)[0]
        self.aimed[point] += 1
        return plan(point, self.rng.choice((1, 1, 2)), hurry=hurry, stage=self._stage(point)), 10 * patience

    def _in_vain(self, point: str) -> int:
        """How often a point was aimed at that was never passed."""
        return 0 if self.tally.get(self.tally.index[point], 0) else 2 * self.aimed[point]

    def _crowd(self) -> float:
        """How many times longer everything takes here than on a processor of one's own."""
        return max(1.0, self.workers / 2, os.getloadavg()[0] / (os.cpu_count() or 1))

    def _stage(self, point: str = "") -> Stage:
        """What a worker runs: whatever comes by its point."""
        if self.stage is not None:
            return self.stage
        wanted = belt.stage_of(point) if point else self.rng.choice(("deliver", "deliver", "deliver", ""))
        return deliver if wanted == "deliver" else belt.walk(wanted)

    def _spawn(self, app: App) -> None:
        plan, patience = self._plan()
        body: Callable[[], None] = (
            (lambda: work_for_broker(app, plan, self.tally, self.errors, self.slack))
            if self.broker
            else (lambda: work(app, plan, self.tally, self.errors))
        )
        pid = fork(body, self.errors)
        now = stopwatch()
        self.running[pid] = Life(now + patience, self.slack)
        if self.rng.random() < 0.04:
            shortly = (0.3, 1.5) if self.broker else (0.02, 0.12)
            self.running[pid].will_be_stopped(now + self.rng.uniform(*shortly) * self._crowd())

    def _supply(self, app: App) -> int:
        seed = self.seed + self.deaths
        pid = fork(
            lambda: supply(app, self.tally, seed, self.suppressed, self.errors, whole=self.is_whole), self.errors
        )
        self.children.add(pid)
        return pid

    def _kill_workers(self, app: App) -> None:
        backup = backup_of(app, self.folder)
        violence = Violence(self.kills, self.rng, self.done, backup, self.broker)
        supplier = self._supply(app)
        while self.deaths < self.kills:
            while sum(not life.is_stopped for life in self.running.values()) < self.workers:
                self._spawn(app)
            self._reap()
            if violence.is_time_to_restore(self.deaths):
                supplier = self._restore(app, backup, supplier)
            violence.look(app, self.deaths, self.running)
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        while self.running:
            self._reap()
        self.tally.stop()
        os.waitpid(supplier, 0)
        self.children.discard(supplier)

    def _restore(self, app: App, backup: Backup, supplier: int) -> int:
        """Everybody stops where they are, a copy is made, everybody dies, and the copy takes the database's place."""
        everybody = [*self.running, supplier]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        backup.copy()
        for pid in everybody:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(supplier, 0)
        self.children.discard(supplier)
        while self.running:
            self._reap()
        app.db.engine.dispose()
        backup.restore()
        self.done["database restored from a copy"] += 1
        return self._supply(app)

    def _reap(self) -> None:
        """Bury who is dead; stop, wake and shoot who is due."""
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in self.running:
            del self.running[pid]
            if os.WIFSIGNALED(status):
                self.deaths += 1
            else:
                self.done["worker gave up at a cut connection"] += 1
            return
        now = stopwatch()
        for other, life in self.running.items():
            for what in life.act(other, now):
                self.done[what] += 1
        time.sleep(0.004)

    def _drain(self, app: App) -> float:
        """Nobody dies any more: deliver until nothing moves; answers the seconds.

        What was parked because it saw three deaths is let go, as an admin would; and nobody waits for hours to
        try an outgoing webhook again.
        """
        self._close_shop()
        started = stopwatch()
        plan = Plan(None, 0, senders=1 if self.is_whole else 2, stage=self.stage or belt.walk(), limit=60, rest=0.05)
        broker = self.broker
        body: Callable[[], None] = (
            (lambda: work_for_broker(app, plan, self.tally, self.errors, self.slack))
            if broker
            else (lambda: work(app, plan, self.tally, self.errors))
        )
        pids = [fork(body, self.errors) for _ in range(2 if broker else 1)]
        self.children.update(pids)
        calm = 0
        while calm < 3 and stopwatch() - started < 120 * self.slack:
            time.sleep(0.1)
            with app.db.write() as session:
                session.execute(
                    update(Message).where(Message.state == "parked").values(state="ready", kills=0, reason="released")
                )
                belt.hurry(session, app.clock())
            calm = 0 if self._is_busy(app) else calm + 1
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.children.clear()
        return stopwatch() - started

    def _close_shop(self) -> None:
        """Ask until it is heard: the world is in trouble here, too."""
        for _ in range(50):
            try:
                if httpx.post(self.url + "/s/close", json={}, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                continue

    def _is_busy(self, app: App) -> bool:
        waiting = ("ready", "retry", "claimed", "submitting")
        with app.db.read() as session:
            if session.scalar(select(func.count()).select_from(Message).where(Message.state.in_(waiting))):
                return True
            # A batch of class A with a suppressed recipient is put off until its key expires, then waits for events.
            unknown = (
                select(func.count())
                .select_from(Message)
                .join(Connection, Connection.id == Message.connection_id)
                .where(
                    Message.state == "unknown",
                    Connection.kind != "silent",
                    Message.due_at < app.clock() + timedelta(hours=2),
                    ~Message.reason_detail.startswith("The same request cannot"),
                )
            )
            if session.scalar(unknown):
                return True
        return self.is_whole and belt.is_busy(app, self.truth)

    def _unanswered(self, app: App) -> int:
        """How many requests of class C the provider itself left without an answer."""
        with app.db.read() as session:
            return int(
                session.scalar(
                    select(func.count())
                    .select_from(Message)
                    .where(Message.state == "unknown", Message.reason_detail.startswith("no answer"))
                )
                or 0
            )

    def _report(self, findings: Any, seconds: float, drained: float) -> dict[str, Any]:
        tally = {
            name: {"passed": self.tally.get(i, 0), "killed": self.tally.get(i, 1)}
            for i, name in enumerate(self.tally.points)
        }
        at_points = sum(t["killed"] for t in tally.values())
        errors = self.errors.read_text() if self.errors.exists() else ""
        objections = list(findings.faults)
        if errors:
            objections.append(f"workers failed {errors.count('Traceback')} times, first: {errors[:3000]}")
        shot = {"killed at a named point": at_points, "killed at a random moment": self.deaths - at_points}
        database = "postgresql" if self.database_url else "sqlite"
        return {
            "lane": f"celery on {self.broker.name}" if self.broker else database,
            "database": database,
            "seed": self.seed,
            "workers": self.workers,
            "kills": self.deaths,
            "violence": {**shot, **self.done},
            "errors_of_cut_connections": self.tally.get(len(self.tally.points), 1),
            "seconds": round(seconds, 1),
            "kills_per_second": round(self.deaths / seconds, 1),
            "drain_seconds": round(drained, 1),
            "points": tally,
            **findings.counts,
            "objections": objections,
            "verdict": "pass" if not objections else "fail",
        }
