"""The distributed shape: one clock leads, Celery carries its ticks to workers on any number of hosts.

A message names a stage and the leader's term, nothing else: the rows are the authority, each stage claims its own.
Losing a message costs a tick, doubling one costs a look. Messages expire, so that a pause of the workers does not
become a pile. The settings, and the trap behind each, are those of Celery's documentation for late acknowledgement.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from celery import Celery, signals
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from automation import collecting
from automation.actions.stores import installation
from automation.app import App
from automation.clock import stopwatch
from automation.queue import leader
from automation.queue.beat import PATIENT, STAGES, beat, run_stage, take_turns
from automation.settings import Settings

log = logging.getLogger(__name__)

TASK = "cartwheel.stage"
TURN_SECONDS = 20.0
"""A task ends after about so long, done or not: the next tick brings another."""
BACKLOG = 3
"""The clock sends nothing while more than this many ticks wait in the queue."""


def build(settings: Settings, queue: str) -> Celery:
    """A Celery application for one installation's queue. Connects to nothing."""
    assert settings.broker_url is not None
    url = settings.broker_url.get_secret_value()
    is_amqp = url.startswith(("amqp", "pyamqp"))
    application = Celery("cartwheel", broker=url, set_as_current=False)
    application.conf.update(
        task_default_queue=queue,
        # A classic queue forgets what a broker's restart interrupts; a quorum queue does not.
        task_queues=[_queue(queue, is_amqp=is_amqp)],
        task_default_delivery_mode="persistent",
        # Redelivered if the worker dies; without the second, a killed worker's message would be acknowledged.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_detect_quorum_queues=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=TURN_SECONDS + 10,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A task may not outlast this, or Redis hands it out a second time; with it in mind tasks end by themselves.
        broker_transport_options={"confirm_publish": True} if is_amqp else {"visibility_timeout": 600},
        task_serializer="json",
        accept_content=["json"],
        enable_utc=True,
        timezone="UTC",
    )
    return application


def _queue(name: str, *, is_amqp: bool) -> Queue:
    arguments = {"x-queue-type": "quorum"} if is_amqp else None
    return Queue(name, queue_arguments=arguments)  # type: ignore[no-untyped-call]  # kombu's own


def queue_of(app: App) -> str:
    """The installation's queue: two installations may share a broker without taking each other's work."""
    with app.db.write() as session:
        return f"cartwheel.{installation(session, app.clock()).instance_id[:16]}"


class Clock:
    """The metronome of the distributed shape: ticks on every worker, sends from the one that leads."""

    def __init__(self, app: App, celery: Celery, queue: str, span: timedelta = leader.SPAN) -> None:
        self._app = app
        self._span = span
        self._celery = celery
        self._queue = queue
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def start(self) -> None:
        """Begin to tick."""
        seconds = self._app.settings.tick_seconds
        self._scheduler.add_job(self._tick_safely, "interval", seconds=seconds, id="tick")
        self._scheduler.start()

    def stop(self) -> None:
        """End, and let somebody else lead at once."""
        self._scheduler.shutdown(wait=True)
        with self._app.db.write() as session:
            leader.release(session, leader.CLOCK, self._app.worker_id[:64], self._app.clock())

    def _tick_safely(self) -> None:
        try:
            self.tick()
        except OperationalError as error:
            # What is due stays due: the first tick after the broker's return sends it out.
            log.warning("The broker cannot be reached: %s", type(error).__name__)
        except Exception:
            log.exception("A tick failed")

    def tick(self) -> int:
        """One tick: if this process leads, a message for every stage; how many were sent."""
        now = self._app.clock()
        with self._app.db.write() as session:
            term = leader.hold(session, leader.CLOCK, self._app.worker_id[:64], now, self._span)
            if term is None:
                return 0
            beat(session, "clock", now)
        names = [*STAGES, *["deliver"] * (self._app.settings.senders - 1)]
        with self._celery.producer_pool.acquire(block=True) as producer:
            if self._waiting(producer.channel) > BACKLOG * len(names):
                return 0
            for name in names:
                self._celery.send_task(
                    TASK, args=[name, term], expires=max(10.0, 3 * self._app.settings.tick_seconds), producer=producer
                )
        return len(names)

    def _waiting(self, channel: Any) -> int:
        # Declared as Celery does: a queue that is not there yet holds nothing.
        queue = self._celery.amqp.queues[self._queue].bind(channel)
        queue.declare()
        count: int = queue.queue_declare().message_count
        return count


def work(app: App, name: str, term: int, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """What a worker does with a message: the stage's rounds, for as long as one turn. Answers the rows moved.

    Nothing, if another leader has begun a newer term since it was sent, or the stage is not one of ours.
    """
    if name not in STAGES:
        log.warning("A message names the stage %r, which this release does not have", name[:40])
        return 0
    with app.db.read() as session:
        if not leader.is_current(session, leader.CLOCK, term):
            return 0
    began, moved = stopwatch(), 0
    while not is_stopping() and stopwatch() - began < TURN_SECONDS and (count := run_stage(app, name, app.clock())):
        moved += count
        if name in PATIENT:
            break
    return moved


def run_worker(
    app: App,
    stopping: threading.Event,
    extra: Mapping[str, Callable[[], object]] | None = None,
    *,
    span: timedelta = leader.SPAN,
) -> None:
    """Work for the broker until a signal comes, and tick along; Celery's own handlers take SIGTERM and SIGINT.

    `span` is how long leading holds without being renewed, by the installation's clock.
    """
    assert not extra, "the demo is an embedded installation"
    take_turns()
    collecting.settle()
    queue = queue_of(app)
    celery = build(app.settings, queue)

    @celery.task(name=TASK, acks_late=True)  # type: ignore[untyped-decorator]  # Celery's own, as below
    def stage(name: str, term: int) -> None:
        work(app, name, term, stopping.is_set)
        _beat(app)

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def end(**_: object) -> None:
        # Stages end after the batch that is under way.
        stopping.set()

    clock = Clock(app, celery, queue, span)
    clock.start()
    try:
        # A thread for each stage and sender: none of them has to wait for another's turn to end.
        worker = celery.Worker(
            pool="threads",
            concurrency=len(STAGES) + app.settings.senders,
            hostname=f"{app.worker_id}@cartwheel",
            loglevel=app.settings.log_level,
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        )
        worker.start()
    finally:
        stopping.set()
        clock.stop()
        celery.close()


_BEAT_EVERY = timedelta(seconds=5)
_beaten = threading.local()


def _beat(app: App) -> None:
    """Leave a sign of life of this worker, now and then."""
    now = app.clock()
    last = getattr(_beaten, "at", None)
    if last is None or now - last >= _BEAT_EVERY:
        with app.db.write() as session:
            beat(session, "worker", now, process=app.worker_id, counts=app.counts.snapshot())
        _beaten.at = now
