"""A lock that dies with its process: what may run only once on a data folder, runs once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.errors import SetupError


@contextmanager
def only_one(path: Path, sentence: str) -> Iterator[None]:
    """Hold the lock file at `path`. Raises SetupError with `sentence` when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not truncated at opening: the file still names the holder to whoever comes too late.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(sentence) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock file at `path` now."""
    try:
        with only_one(path, "held"):
            return False
    except SetupError:
        return True
