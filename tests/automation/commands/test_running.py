"""The whole installation as a person starts and stops it: real processes on a free port."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from automation.clock import stopwatch
from automation.settings import child_environment
from webapp.assets import is_built

pytestmark = pytest.mark.skipif(not is_built(), reason="the front end is not built: run `python -m webapp.assets`")


class Started:
    """`cartwheel …` in a process of its own, and what it printed."""

    def __init__(self, process: psutil.Popen) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, words: str, seconds: float = 120) -> str:
        end = stopwatch() + seconds
        while stopwatch() < end:
            found = next((line for line in self.lines if words in line), None)
            if found is not None:
                return found.strip()
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.05)
        pytest.fail(f"{words!r} did not come: {''.join(self.lines)}")

    def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        code: int = self.process.wait(40)
        self._reader.join(5)
        return code


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[Started]:
    with psutil.Popen(
        [sys.executable, "-m", "automation", *arguments],
        env=child_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Started(process)
        finally:
            if process.is_running() and process.poll() is None:
                process.kill()


def cartwheel(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "automation", *arguments],
        env=child_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_run_comes_up_healthy_lets_no_second_start_in_and_ends_cleanly(environment: dict[str, str]) -> None:
    with started(environment, "run") as found:
        found.wait_for("Cartwheel is running")
        health = httpx.get(f"http://127.0.0.1:{environment['CARTWHEEL_PORT']}/healthz").json()
        assert health["ok"]
        assert health["is_beating"]
        for command in ("run", "demo", "worker"):
            second = cartwheel(environment, command)
            assert second.returncode == 2, command
            assert second.stderr.startswith("Error: Cartwheel is already running on the data folder")
            assert "Traceback" not in second.stderr
        family = found.process.children(recursive=True)
        assert len(family) >= 2
        began = stopwatch()
        # Ctrl+C ends the demos below.
        assert found.end(signal.SIGTERM) == 0
        assert stopwatch() - began < 10
    assert found.lines[-1] == "Stopped.\n"
    assert "Traceback" not in "".join(found.lines)
    assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def test_the_demo_starts_shows_its_first_mails_turns_its_clock_and_starts_again(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with started(environment, "demo") as found:
        found.wait_for("Loaded the demo shop")
        link = found.wait_for("/login/")
        assert link.startswith(f"http://127.0.0.1:{environment['CARTWHEEL_PORT']}/login/")
        assert httpx.get(link).status_code == 200
        mails = int(found.wait_for("in the mailbox").split()[0])
        assert mails > 0
        forward = cartwheel(environment, "demo", "--forward", "1h")
        assert forward.returncode == 0, forward.stderr
        assert "1 hours forward" in forward.stdout
        status = orjson.loads(cartwheel(environment, "status", "--json").stdout)
        assert status["customers"] >= 1000
        assert status["campaigns"]["live"] >= 1
        assert sum(status["messages"][s] for s in ("accepted", "delivered")) >= mails
        assert status["webhooks"]["processed"] > 0
        assert status["webhooks"]["failed"] == 0
        assert found.end(signal.SIGINT) == 0
    with started(environment, "demo") as again:
        again.wait_for("/login/", 30)
        assert not any("Loading" in line for line in again.lines)
        assert again.end(signal.SIGINT) == 0


def test_turning_the_clock_of_a_demo_that_does_not_run_is_refused(environment: dict[str, str]) -> None:
    found = cartwheel(environment, "demo", "--forward", "1h")
    assert (found.returncode, found.stdout) == (2, "")
    assert "not running" in found.stderr
    assert "no span" in cartwheel(environment, "demo", "--forward", "soon").stderr


def test_stopping_while_the_shop_loads_is_clean_and_the_next_start_goes_on(environment: dict[str, str]) -> None:
    with started(environment, "demo") as found:
        found.wait_for("Loading the demo shop")
        assert found.end(signal.SIGINT) == 130
    assert found.lines[-1].startswith("Stopped.")
    assert "Traceback" not in "".join(found.lines)
    with started(environment, "demo") as again:
        again.wait_for("Loaded the demo shop")
        again.wait_for("/login/")
        assert again.end(signal.SIGINT) == 0
