"""A lock that dies with its process: what may run only once on a data folder, runs once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.errors import SetupError

_held: set[Path] = set()
"""Locks of this very process: POSIX forgets one when any descriptor of its file is closed, so this is asked first."""


@contextmanager
def only_one(path: Path, sentence: str) -> Iterator[None]:
    """Hold the lock file at `path`. Raises SetupError with `sentence` when somebody holds it."""
    path = path.absolute()
    if path in _held:
        raise SetupError(sentence)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not truncated at opening: the file still names the holder to whoever comes too late.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            # POSIX locks: unlike flock's they are not inherited by forked children, who may outlive us.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(sentence) from None
        _held.add(path)
        try:
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())
            yield
        finally:
            _held.discard(path)
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock file at `path` now."""
    try:
        with only_one(path, "held"):
            return False
    except SetupError:
        return True
