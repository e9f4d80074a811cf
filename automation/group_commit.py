"""One commit for many: concurrent requests' small writes share a transaction, and each waits for its own commit.

Making a commit durable costs a trip to the disk, however little is in it. What is waiting when the writer comes
round goes in together; under load batches grow by themselves, without it nobody waits for company.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from automation.database import Database
from automation.errors import NotAllowed

log = logging.getLogger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")

MOST = 256
"""Jobs in one transaction."""
_COLLIDED = ("40001", "40P01")
"""PostgreSQL chose this transaction to give way to another one."""


_Together = Callable[[Session, Sequence[Any]], Sequence[Any]]


@dataclass(slots=True)
class _Job:
    take: _Together
    item: Any
    done: Future[Any] = field(default_factory=Future)


_Waiting = queue.SimpleQueue[_Job | None]


class GroupCommit:
    """A writer thread of its own, started by the first job (so after a fork) and stopped by `close`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: _Waiting = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        # At exit too: what is waiting then is written before the interpreter goes.
        self._finish: weakref.finalize[..., GroupCommit] = weakref.finalize(self, self._waiting.put, None)

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Do `work` in a shared transaction; the future is done once that is committed, or failed.

        `work` may be called a second time on a fresh session, when something else in its first transaction failed.
        Raises NotAllowed after `close`.
        """
        return self._put(_Job(lambda session, _: [work(session)], None))

    def gather(self, take: Callable[[Session, Sequence[Item]], Sequence[T]], item: Item) -> Future[T]:
        """Hand `item` to `take`, together with whatever else waits for the same `take`: one result per item, in order.

        So that many rows are one statement. What is said of `submit` holds here too.
        """
        return self._put(_Job(take, item))

    def _put(self, job: _Job) -> Future[Any]:
        job.done.set_running_or_notify_cancel()  # nobody can call it off: it may be half done already
        with self._lock:
            if self._is_closed:
                raise NotAllowed("This process is closing.")
            if self._thread is None:
                self._start()
            self._waiting.put(job)
        return job.done

    def _start(self) -> None:
        thread = threading.Thread(target=_write, args=(self._db, self._waiting), name="group-commit", daemon=True)
        thread.start()
        self._thread = thread
        self._finish.detach()
        self._finish = weakref.finalize(self, _stop, self._waiting, thread)

    def close(self) -> None:
        """Write what is waiting, then take no more."""
        with self._lock:
            self._is_closed = True
        self._finish()


def _stop(waiting: _Waiting, thread: threading.Thread) -> None:
    waiting.put(None)
    if thread is not threading.current_thread():
        thread.join(timeout=60)


def _write(db: Database, waiting: _Waiting) -> None:
    is_open = True
    while is_open:
        job = waiting.get()
        batch: list[_Job] = []
        while True:
            if job is None:
                is_open = False
                break
            batch.append(job)
            if len(batch) == MOST:
                break
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                break
        if batch:
            _commit(db, batch)


def _commit(db: Database, batch: Sequence[_Job]) -> None:
    try:
        with db.write() as session:
            results = _taken(session, batch)
    except OperationalError as error:
        if len(batch) > 1 and getattr(error.orig, "sqlstate", None) in _COLLIDED:
            for job in batch:
                _commit(db, [job])
            return
        # The database itself is away or locked: asking it once per job would only make everybody wait longer.
        log.warning("A shared transaction of %d failed: %s", len(batch), error.orig)
        for job in batch:
            job.done.set_exception(error)
    except Exception as error:  # noqa: BLE001  one job's mistake, whatever it is, must reach its owner and no other
        if len(batch) == 1:
            batch[0].done.set_exception(error)
            return
        for job in batch:
            _commit(db, [job])
    else:
        for job, result in results:
            job.done.set_result(result)


def _taken(session: Session, batch: Sequence[_Job]) -> list[tuple[_Job, Any]]:
    gathered: dict[_Together, list[_Job]] = {}
    for job in batch:
        gathered.setdefault(job.take, []).append(job)
    return [
        pair
        for take, jobs in gathered.items()
        for pair in zip(jobs, take(session, [job.item for job in jobs]), strict=True)
    ]
