"""Files of customers: how many rows a second come in and go out, and how much memory that takes."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import psutil
from sqlalchemy import event

from automation.actions import imports
from automation.app import App
from automation.clock import stopwatch
from automation.exporting import export
from automation.models import Import
from automation.stages.load import load
from bench.rig import Figure, installation, lanes
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def measure(quick: bool) -> Iterator[Figure]:
    """Rows a second in and out, MB above what the process had before, and statements per batch of two sizes."""
    count = 20_000 if quick else 1_000_000
    for lane in lanes():
        with installation(lane, secret_key="a key for benchmarks") as app, tempfile.TemporaryDirectory() as folder:
            with app.db.write() as session:
                store_id = make.store(session).id
            small = _take(app, store_id, _file(Path(folder), 0, 1_000))
            with _Peak() as peak:
                large = _take(app, store_id, _file(Path(folder), 1_000, count))
            rate, small_rate = count / large[0], 1_000 / small[0]
            per_batch = large[1] / (count / 1_000)
            ratio = f"{rate / small_rate:.2f} times the rate of the first thousand"
            yield Figure("imports", f"{count:,} customers with consent, in", lane, round(rate), "rows/s", note=ratio)
            yield Figure(
                "imports", "memory above the start, in", lane, round(peak.mb), "MB", "under 150 MB", peak.mb < 150
            )
            yield Figure(
                "imports", "statements per 1,000 rows", lane, round(per_batch, 1), "", note=f"{small[1]} for one batch"
            )
            with _Peak() as peak:
                start = stopwatch()
                size = sum(map(len, export(app, store_id, "customers", "csv", NOW)))
                rate = count / (stopwatch() - start)
            yield Figure("imports", f"{size / 1e6:,.0f} MB of customers, out", lane, round(rate), "rows/s")
            yield Figure(
                "imports", "memory above the start, out", lane, round(peak.mb), "MB", "under 100 MB", peak.mb < 100
            )


def _file(folder: Path, first: int, count: int) -> Path:
    path = folder / f"{first}.csv"
    with path.open("w") as file:
        file.write("email,first name,last name,tags,birthday,accepts marketing,consent at,city\n")
        for n in range(first, first + count):
            file.write(f'p{n}@example.com,Ada,Number {n},"tea,vip",1990-04-23,yes,2026-01-02T10:00Z,Berlin\n')
    return path


def _take(app: App, store_id: int, path: Path) -> tuple[float, int]:
    """Seconds and statements that a file takes."""
    with app.db.write() as session:
        row = imports.upload(app, session, store_id=store_id, kind="customers", path=path, filename=path.name, now=NOW)
        imports.start(session, row, NOW)
        import_id = row.id
    statements = 0

    def one(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(app.db.engine, "before_cursor_execute", one)
    start = stopwatch()
    while load(app, NOW, 10_000):
        pass
    span = stopwatch() - start
    event.remove(app.db.engine, "before_cursor_execute", one)
    with app.db.read() as session:
        done = session.get_one(Import, import_id)
        assert (done.state, done.rows_refused) == ("done", 0), done.message
    return span, statements


class _Peak:
    """The most memory that the process took meanwhile, in MB above what it had at the start."""

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._most = self._start
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self._most = max(self._most, self._process.memory_info().rss)

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._watcher.join()

    @property
    def mb(self) -> float:
        return (self._most - self._start) / 1e6
