"""Fork, kill, fork again; then drain without killing, and audit."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from automation.app import App
from automation.clock import stopwatch
from automation.models import Connection, Message
from automation.stages.deliver import deliver
from tests.crash import shop, world
from tests.crash.audit import audit
from tests.crash.worker import Plan, Tally, fork, supply, work

Stage = Callable[[App, datetime, int], int]
WARM_UP = 2.5
"""Seconds: long enough for unknown messages to be found out about."""
PATIENCE = 0.4
"""Seconds until a worker that does not come to its point is shot where it stands; workers share the processors."""


@dataclass
class Campaign:
    """One run on one database."""

    folder: Path
    database_url: str | None
    kills: int
    seed: int = 1
    workers: int = 1
    trouble: float = 0.04
    stage: Stage = deliver
    tally: Tally = field(default_factory=Tally)
    deaths: int = 0
    running: dict[int, float] = field(default_factory=dict)
    """Process id → when to shoot it."""

    def run(self) -> dict[str, Any]:
        """The whole campaign; its report as plain JSON."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rng = random.Random(self.seed)
        self.errors = self.folder / "errors"
        truth, suppressed = self.folder / "truth", self.folder / "suppressed"
        provider, port = world.start(truth, self.seed, self.trouble)
        app = shop.put_together(self.folder / "data", self.database_url)
        try:
            self._prepare(app, f"http://127.0.0.1:{port}")
            started = stopwatch()
            supplier = fork(lambda: supply(app, self.tally, self.seed, suppressed), self.errors)
            self._kill_workers(app)
            seconds = stopwatch() - started
            self.tally.stop()
            os.waitpid(supplier, 0)
            drained = self._drain(app)
            findings = audit(
                app, truth, suppressed, in_flight=2, kills=self.deaths, unanswered_allowed=self._unanswered(app)
            )
        finally:
            os.kill(provider, signal.SIGKILL)
            os.waitpid(provider, 0)
            app.close()
        return self._report(findings, seconds, drained)

    def _prepare(self, app: App, url: str) -> None:
        """The database; and a first round in this process, so that workers inherit prepared statements."""
        shop.furnish(app, url)
        with app.db.write() as session:
            shop.stock_up(session, self.rng, 60, app.clock())
        started = stopwatch()
        while stopwatch() - started < WARM_UP:
            deliver(app, app.clock(), 12)
            with app.db.write() as session:
                shop.lose_some(session, app.clock())
        app.db.engine.dispose()

    def _plan(self) -> tuple[Plan, float]:
        senders = self.rng.choice((1, 1, 2))
        dice = self.rng.random()
        if dice < 0.2:
            return Plan(None, 0, senders), self.rng.uniform(0.01, PATIENCE / 2) * self.workers
        if dice < 0.6:
            return Plan(None, min(60, 1 + int(self.rng.expovariate(1 / 12))), senders), PATIENCE * self.workers
        points = self.tally.points
        # Points that killed least so far come first: rare ones need many tries.
        weights = [1 / (1 + self.tally.get(i, 1)) for i in range(len(points))]
        return Plan(self.rng.choices(points, weights)[0], self.rng.choice((1, 1, 2)), senders), PATIENCE * self.workers

    def _kill_workers(self, app: App) -> None:
        while self.deaths < self.kills:
            while len(self.running) < self.workers:
                plan, patience = self._plan()
                pid = fork(lambda plan=plan: work(app, plan, self.tally, self.errors, self.stage), self.errors)  # type: ignore[misc]  # bound now
                self.running[pid] = stopwatch() + patience
            self._reap()
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        while self.running:
            self._reap()

    def _reap(self) -> None:
        """Bury who is dead and shoot who is due."""
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid in self.running:
            del self.running[pid]
            self.deaths += 1
            return
        now = stopwatch()
        for other, due in self.running.items():
            if now > due:
                os.kill(other, signal.SIGKILL)
        time.sleep(0.001)

    def _drain(self, app: App) -> float:
        """Nobody dies any more: deliver until nothing moves; answers the seconds.

        What was parked because it saw three deaths is let go, as an admin would.
        """
        started = stopwatch()
        pid = fork(lambda: work(app, Plan(None, 0, senders=2), self.tally, self.errors, self.stage), self.errors)
        calm = 0
        while calm < 5 and stopwatch() - started < 90:
            time.sleep(0.2)
            with app.db.write() as session:
                session.execute(
                    update(Message).where(Message.state == "parked").values(state="ready", kills=0, reason="released")
                )
            calm = 0 if self._is_busy(app) else calm + 1
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return stopwatch() - started

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
            return bool(session.scalar(unknown))

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
        return {
            "database": "postgresql" if self.database_url else "sqlite",
            "seed": self.seed,
            "workers": self.workers,
            "kills": self.deaths,
            "kills_at_points": at_points,
            "kills_at_random": self.deaths - at_points,
            "seconds": round(seconds, 1),
            "kills_per_second": round(self.deaths / seconds, 1),
            "drain_seconds": round(drained, 1),
            "points": tally,
            "never_reached": [name for name, t in tally.items() if not t["passed"]],
            **findings.counts,
            "objections": objections,
            "verdict": "pass" if not objections else "fail",
        }
