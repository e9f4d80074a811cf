"""The send journal: what a provider answered, on disk before it is in the database.

It turns "accepted, but the worker died (the disk was full, the database gone) before it was recorded" from unknown
into known, for every provider. Each process appends to a file of its own, `sends.<pid>-<random>.journal` in the
data folder, and holds a lock on it for as long as it lives; whoever can take the lock of another file knows that
its process is dead, records what it says and removes it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import orjson

from automation.delivery.results import Result
from automation.faults import declare, fault
from automation.security import random_id

declare("journal.before_fsync")

_LARGE = 1_000_000
"""Bytes after which a journal with nothing outstanding is emptied."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request."""

    key: str
    """The attempt's: unlike its id, it cannot mean another one in a restored database."""
    at: datetime
    results: tuple[Result, ...]

    def line(self) -> bytes:
        """As it stands in the file."""
        results = [r.as_json() for r in self.results]
        # The line end before it: what a full disk cut short must not spoil the next entry.
        return b"\n" + orjson.dumps({"key": self.key, "at": self.at.isoformat(), "results": results}) + b"\n"


def read(path: Path) -> Iterator[Entry]:
    """The entries of a journal; a last line that was cut short ends it."""
    with path.open("rb") as file:
        for line in file:
            if line == b"\n":
                continue
            try:
                found = orjson.loads(line)
                results = tuple(Result.from_json(r) for r in found["results"])
                yield Entry(found["key"], datetime.fromisoformat(found["at"]), results)
            except (ValueError, KeyError, TypeError):
                log.warning("A line of %s cannot be read", path.name)


class Journal:
    """This process's journal."""

    held: ClassVar[set[tuple[int, Path]]] = set()
    """Of this process (and, after a fork, its parent's): POSIX locks do not shut out the process that took them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.pid = os.getpid()
        self.path, self._fd = self._fresh()
        _sync_folder(folder)
        self._turn = threading.Lock()
        self._outstanding = 0
        self._failed: list[Entry] = []

    def _fresh(self) -> tuple[Path, int]:
        """A new file that is ours."""
        while True:
            path = self.folder / f"sends.{self.pid}-{random_id()[:8]}.journal"
            Journal.held.add((self.pid, path))
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            # POSIX locks: unlike flock's they are not inherited by render children, who may outlive us.
            fcntl.lockf(fd, fcntl.LOCK_EX)
            # In the instant before the lock, another process may have taken it for a dead one's and removed it.
            if path.exists():
                return path, fd
            os.close(fd)

    @contextmanager
    def entered(self, entry: Entry) -> Iterator[None]:
        """Write an entry and fsync it; the body records it in the database. If that fails, it is kept."""
        self._append(entry)
        try:
            yield
        except BaseException:
            with self._turn:
                self._failed.append(entry)
            raise
        self._done()

    def _append(self, entry: Entry) -> None:
        with self._turn:
            self._outstanding += 1
            try:
                os.write(self._fd, entry.line())
                fault("journal.before_fsync")
                os.fsync(self._fd)
            except OSError:
                # The database may still take it; losing both would leave it unknown, never sent twice.
                log.exception("The send journal cannot be written")

    def _done(self) -> None:
        with self._turn:
            self._outstanding -= 1
            if self._outstanding == 0 and not self._failed and os.fstat(self._fd).st_size > _LARGE:
                os.ftruncate(self._fd, 0)

    def take_failed(self) -> list[Entry]:
        """Entries that the database did not take when they were new."""
        with self._turn:
            failed, self._failed = self._failed, []
            self._outstanding -= len(failed)
            return failed

    def give_back(self, entries: Sequence[Entry]) -> None:
        """They could not be recorded this time either."""
        with self._turn:
            self._failed.extend(entries)
            self._outstanding += len(entries)

    def close(self) -> None:
        """Let go of the file; what is in it is for whoever comes next. Safe to call twice."""
        if (self.pid, self.path) in Journal.held:
            Journal.held.discard((self.pid, self.path))
            os.close(self._fd)


@contextmanager
def dead(folder: Path) -> Iterator[list[Path]]:
    """Journals in `folder` whose process is gone, locked for us meanwhile."""
    locked: list[tuple[Path, int]] = []
    try:
        for path in sorted(folder.glob("sends.*.journal")):
            if (os.getpid(), path) in Journal.held:
                continue
            with suppress(FileNotFoundError):
                fd = os.open(path, os.O_RDWR)
                try:
                    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(fd)
                else:
                    locked.append((path, fd))
                    Journal.held.add((os.getpid(), path))
        # Somebody else may have recorded and removed one between our opening and locking it.
        yield [path for path, _ in locked if path.exists()]
    finally:
        for path, fd in locked:
            Journal.held.discard((os.getpid(), path))
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable too."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
