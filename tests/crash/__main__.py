"""`python -m tests.crash --kills N`: the crash campaign on both databases; exits with 1 when anything was wrong."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from automation.security import random_id
from tests.conftest import SERVER
from tests.crash.campaign import Campaign


@contextmanager
def database(kind: str) -> Iterator[str | None]:
    """An empty database of its own: None stands for SQLite in the campaign's folder."""
    if kind == "sqlite":
        yield None
        return
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    name = f"cartwheel_crash_{random_id()[:8]}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        # It is workers that die here, not the server or the machine.
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    server.dispose()  # no forked worker may share its connection
    try:
        yield server.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        server.dispose()


def run(kind: str, kills: int, seed: int, workers: int | None = None, **more: Any) -> dict[str, Any]:
    """One campaign in a folder that is thrown away; its report. SQLite has one sender process, PostgreSQL several."""
    # What a killed process has written stays, synced or not: memory does.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder of its own is made in it
    with tempfile.TemporaryDirectory(prefix="crash-", dir=memory) as folder, database(kind) as url:
        count = 1 if kind == "sqlite" else workers or 3
        return Campaign(Path(folder), url, kills, seed, count, **more).run()


def show(report: dict[str, Any]) -> None:
    """The report for reading."""
    print(f"\n{report['database']}, seed {report['seed']}, {report['workers']} worker(s): {report['verdict'].upper()}")
    print(f"  {report['kills']} kills in {report['seconds']} s ({report['kills_per_second']}/s), ", end="")
    print(f"{report['kills_at_points']} at points, {report['kills_at_random']} at random; ", end="")
    print(f"drained in {report['drain_seconds']} s")
    print(f"  {report['expected']} messages, {report['accepted']} accepted, {report['lost']} lost, ", end="")
    print(f"{report['duplicates']} duplicates, unknown {report['unknown']}")
    print(f"  {report['states']}")
    print(f"  not sent, and why: {report['reasons']}")
    for name, tally in report["points"].items():
        print(f"    {name:24} passed {tally['passed']:>7}  killed {tally['killed']:>6}")
    for objection in report["objections"]:
        print(f"  ! {objection}")


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how often to kill, on each database")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, help="worker processes on PostgreSQL")
    parser.add_argument("--report", type=Path, help="where to write the report as JSON")
    given = parser.parse_args()
    kinds = [given.database] if given.database else ["sqlite", "postgresql"]
    reports = [run(kind, given.kills, given.seed, given.workers) for kind in kinds]
    for report in reports:
        show(report)
    if given.report:
        given.report.write_text(json.dumps(reports, indent=2) + "\n")
    return int(any(r["verdict"] != "pass" for r in reports))


if __name__ == "__main__":
    sys.exit(main())
