"""`python -m tests.crash --kills N`: the crash campaign on every database and broker; exits with 1 when anything was
wrong. Long runs go in slices, each with a world of its own; `--append` adds to the report that is there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.crash.broker import KINDS, broker
from tests.crash.campaign import Campaign
from tests.crash.databases import database
from tests.crash.report import Report, show

LANES = ("sqlite", "postgresql", *KINDS)
"""Where workers die: on a database by themselves, or on PostgreSQL as Celery workers of a broker."""
SLICE = 1000
"""Kills after which a new world begins, so that it stays small."""


def run(lane: str, kills: int, seed: int, workers: int | None = None, **more: Any) -> dict[str, Any]:
    """One campaign in a folder that is thrown away; its report. SQLite has one sender process, PostgreSQL several."""
    # What a killed process has written stays, synced or not: memory does.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder of its own is made in it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-", dir=memory)))
        url = stack.enter_context(database("sqlite" if lane == "sqlite" else "postgresql"))
        if lane in KINDS:
            more["broker"] = stack.enter_context(broker(lane, folder))
        count = {"sqlite": 1, "postgresql": workers or 4}.get(lane, workers or 3)
        return Campaign(folder / "run", url, kills, seed, count, **more).run()


def is_there(lane: str) -> bool:
    """Whether what a lane needs is installed."""
    program = {"redis": "redis-server", "rabbitmq": "rabbitmqctl"}.get(lane)
    return program is None or shutil.which(program) is not None


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how often to kill, in each lane")
    parser.add_argument("--lane", "--database", choices=LANES, action="append", help="only these")
    parser.add_argument("--seed", type=int, default=1, help="of the first slice; the next has the next")
    parser.add_argument("--slice", type=int, default=SLICE, help="kills in one world")
    parser.add_argument("--workers", type=int, help="worker processes on PostgreSQL")
    parser.add_argument("--aim", default="", help="aim only at points whose names begin so, as `load.`")
    parser.add_argument("--report", type=Path, help="where to write the report: NAME.json, and NAME.md for reading")
    parser.add_argument("--append", action="store_true", help="add to the report that is there")
    given = parser.parse_args()
    # Whoever ends a long run leaves no database behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.report and not given.append:
        given.report.with_suffix(".json").unlink(missing_ok=True)
    is_good = True
    for lane in given.lane or LANES:
        if not is_there(lane):
            print(f"{lane} is not installed here: its lane is left out")
            continue
        for number, start in enumerate(range(0, given.kills, given.slice)):
            found = run(lane, min(given.slice, given.kills - start), given.seed + number, given.workers, aim=given.aim)
            show(found)
            is_good = is_good and found["verdict"] == "pass"
            if given.report:
                with Report.shared(given.report) as report:
                    report.add(found)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
