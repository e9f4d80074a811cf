"""Turns the demo's clock forward in small steps, running the shop and the belt to rest at each.

So everything fires in order and at its own time, as it would have if somebody had waited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import ShiftedClock
from automation.errors import NotAllowed
from automation.models import Job

KIND = "fast_forward"
STEP = timedelta(minutes=15)
MOST_HOURS = 24 * 14

Between = Callable[[datetime, datetime], object]
"""Called with the instants before and after each step: what the shoppers did between them."""
Belt = Callable[[], object]
"""Runs every stage to rest."""


def ask(app: App, session: Session, hours: float) -> Job:
    """Ask the worker to go `hours` forward. Raises NotAllowed outside the demo and while it is already going."""
    if not isinstance(app.clock, ShiftedClock):
        raise NotAllowed("Only the demo's clock can be turned.")
    if not 0 < hours <= MOST_HOURS:
        raise NotAllowed(f"The clock goes forward by up to {MOST_HOURS // 24} days at a time.")
    if current(session) is not None:
        raise NotAllowed("The clock is being turned already.")
    now = app.clock()
    job = Job(kind=KIND, arguments={"hours": hours}, message="about to start", created_at=now, updated_at=now)
    session.add(job)
    session.flush()
    return job


def current(session: Session) -> Job | None:
    """The turn that is asked for or under way."""
    return session.scalars(
        select(Job).where(Job.kind == KIND, Job.state.in_(("waiting", "running"))).order_by(Job.id)
    ).first()


def go(app: App, between: Between, belt: Belt, is_stopping: Callable[[], bool]) -> bool:
    """Do the turn that somebody asked for; False when nobody did.

    Stopped half-way, it goes on from where the clock stands when it is called again.
    """
    clock = app.clock
    with app.db.read() as session:
        job = current(session)
        session.expunge_all()
    if job is None or not isinstance(clock, ShiftedClock):
        return False
    began, until = _span(job, clock())
    _note(app, job.id, began, until, clock())
    while not is_stopping() and (before := clock()) < until:
        now = clock.turn(min(STEP, until - before))
        between(before, now)
        belt()
        _note(app, job.id, began, until, clock())
    return True


def _span(job: Job, now: datetime) -> tuple[datetime, datetime]:
    began = datetime.fromisoformat(job.arguments.get("began_at", now.isoformat()))
    return began, began + timedelta(hours=job.arguments["hours"])


def _note(app: App, job_id: int, began: datetime, until: datetime, now: datetime) -> None:
    done = min(1.0, (now - began) / (until - began))
    with app.db.write() as session:
        job = session.get_one(Job, job_id)
        job.arguments = {**job.arguments, "began_at": began.isoformat()}
        job.state = "done" if done >= 1 else "running"
        job.progress = done
        job.message = f"it is {min(now, until):%A %H:%M} UTC"
        job.updated_at = now
