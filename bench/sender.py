"""A worker of the throughput bench: delivers what is ready until nothing is, and says what that took.

python -m bench.sender DATABASE DATA CHILDREN; it prints "ready", waits for a line, and answers with JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import psutil

from automation import collecting
from automation.app import build
from automation.clock import TurnableClock, stopwatch
from automation.queue.beat import run_stage
from automation.settings import Settings
from bench.mail import NOW
from bench.rig import cpu_of


def main(database: str, data: str, children: int) -> None:
    """Deliver, and print seconds on the wall and on the processor (this process and its render children)."""
    app = build(
        Settings(
            data=Path(data),
            database_url=database,
            senders=1,
            render_children=children,
            base_url="https://mail.example.com",
            secret_key="a key for benchmarks",
        ),
        clock=TurnableClock(NOW),
    )
    # The first batch warms what stays warm in a running worker: statements, templates, connections.
    moved = run_stage(app, "deliver", NOW)
    collecting.settle()
    print("ready", flush=True)
    sys.stdin.readline()
    process, began = psutil.Process(), stopwatch()
    cpu = cpu_of(process)
    while moved:
        moved = run_stage(app, "deliver", NOW)
    print(orjson.dumps({"wall": stopwatch() - began, "cpu": cpu_of(process) - cpu}).decode(), flush=True)
    app.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
