"""The report: what each slice found, added up by lane, as JSON and for reading."""

from __future__ import annotations

import fcntl
import json
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from automation.clock import real_time
from automation.database import _sqlite_module
from tests.conftest import SERVER

SUMS = ("kills", "seconds", "drain_seconds", "expected", "accepted", "lost", "duplicates", "flagged_duplicates",
        "suppressed", "errors_of_cut_connections")  # fmt: skip
TALLIES = ("violence", "states", "unknown", "belt")


def versions() -> dict[str, str]:
    """Of what the run rests on."""
    names = ("cartwheel", "sqlalchemy", "psycopg", "celery", "httpx")
    found = {"python": platform.python_version(), **{name: version(name) for name in names}}
    found["sqlite"] = _sqlite_module().sqlite_version
    with create_engine(SERVER, poolclass=NullPool).connect() as connection:
        found["postgresql"] = connection.exec_driver_sql("SHOW server_version").scalar_one()
    return found


@cache
def tree() -> str:
    """The commit that is checked out, with a + when files differ from it; empty where nobody can tell."""
    told = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


@dataclass
class Report:
    """Everything that ran, by lane."""

    lanes: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    written_at: str = ""

    @classmethod
    def load(cls, path: Path) -> Report:
        """The report that is there, or an empty one."""
        file = path.with_suffix(".json")
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    @classmethod
    @contextmanager
    def shared(cls, path: Path) -> Iterator[Report]:
        """The report that is there, for one run at a time: several may be adding to it. Written at the end."""
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            report = cls.load(path)
            yield report
            report.write(path)

    def add(self, found: dict[str, Any]) -> None:
        """One slice more."""
        lane = self.lanes.setdefault(found["lane"], {"slices": 0, "seeds": [], "objections": [], "points": {}})
        lane["slices"] += 1
        lane["workers"] = found["workers"]
        trees = lane.setdefault("trees", {})
        trees[tree()] = trees.get(tree(), 0) + found["kills"]
        lane["seeds"].append(found["seed"])
        lane["objections"] += [f"seed {found['seed']}: {one}" for one in found["objections"]]
        for name in SUMS:
            lane[name] = round(lane.get(name, 0) + found.get(name, 0), 1)
        for name in TALLIES:
            lane[name] = dict(Counter(lane.get(name, {})) + Counter(found.get(name, {})))
        for name, tally in found["points"].items():
            mine = lane["points"].setdefault(name, {"passed": 0, "killed": 0})
            for what, count in tally.items():
                mine[what] += count
        lane["verdict"] = "fail" if lane["objections"] else "pass"

    def write(self, path: Path) -> None:
        """Both files."""
        self.versions = versions()
        self.written_at = real_time().isoformat(timespec="seconds")
        path.with_suffix(".json").write_text(
            json.dumps({"written_at": self.written_at, "versions": self.versions, "lanes": self.lanes}, indent=1) + "\n"
        )
        path.with_suffix(".md").write_text(self.as_text())

    def as_text(self) -> str:
        """For reading."""
        lines = [
            "# Crash campaign: what was killed, and what came of it",
            "",
            f"Written by `python -m tests.crash` at {self.written_at}. Numbers are as they were counted.",
            "",
            "Versions: " + ", ".join(f"{name} {number}" for name, number in self.versions.items()) + ".",
            "",
        ]
        for name, lane in self.lanes.items():
            lines += _lane(name, lane)
        points = sorted({p for lane in self.lanes.values() for p in lane["points"]})
        lines += ["## Kills at each named point", "", f"| point | {' | '.join(self.lanes)} |"]
        lines.append("|---|" + "---:|" * len(self.lanes))
        for point in points:
            counts = (str(lane["points"].get(point, {}).get("killed", 0)) for lane in self.lanes.values())
            lines.append(f"| `{point}` | {' | '.join(counts)} |")
        return "\n".join(lines) + "\n"


def _lane(name: str, lane: dict[str, Any]) -> list[str]:
    seeds = lane["seeds"]
    told = f"{seeds[0]}" if len(seeds) == 1 else ", ".join(map(str, seeds))
    rate = lane["kills"] / max(lane["seconds"], 1)
    lines = [
        f"## {name}: {lane['verdict'].upper()}",
        "",
        f"- {lane['kills']:,} kills in {lane['seconds']:,.0f} s ({rate:.1f}/s), {lane['workers']} worker(s), "
        f"{lane['slices']} world(s), seeds {told}",
        f"- {lane['expected']:,} messages, {lane['accepted']:,} accepted by the provider: **{lane['lost']} lost, "
        f"{lane['duplicates']} duplicates**; {lane['flagged_duplicates']} sent again by design and flagged so",
        "- kills by commit: " + ", ".join(f"{name or 'unknown'} {n:,}" for name, n in lane["trees"].items()),
        f"- unknown at the end, by class: {lane['unknown'] or 'none'}",
        f"- the belt: {', '.join(f'{n:,} {what}' for what, n in lane['belt'].items())}",
        "- " + ", ".join(f"{what}: {n:,}" for what, n in lane["violence"].items()),
    ]
    rarest = min(lane["points"].items(), key=lambda item: item[1]["killed"], default=None)
    if rarest:
        lines.append(f"- rarest point: `{rarest[0]}`, {rarest[1]['killed']} kills")
    lines += [f"- **objection**: {one[:600]}" for one in lane["objections"]]
    return [*lines, ""]


def show(report: dict[str, Any]) -> None:
    """One slice, for reading on the terminal."""
    print(f"\n{report['lane']}, seed {report['seed']}, {report['workers']} worker(s): {report['verdict'].upper()}")
    print(f"  {report['kills']} kills in {report['seconds']} s ({report['kills_per_second']}/s); ", end="")
    print(f"drained in {report['drain_seconds']} s; {report['violence']}")
    print(f"  {report['expected']} messages, {report['accepted']} accepted, {report['lost']} lost, ", end="")
    print(f"{report['duplicates']} duplicates, unknown {report['unknown']}, belt {report.get('belt')}")
    print(f"  {report['states']}")
    print(f"  not sent, and why: {report['reasons']}")
    for one in report.get("flagged", ()):
        print(f"  sent again by design: {one}")
    for name, tally in report["points"].items():
        print(f"    {name:24} passed {tally['passed']:>7}  killed {tally['killed']:>6}")
    for objection in report["objections"]:
        print(f"  ! {objection}")
    print(flush=True)
