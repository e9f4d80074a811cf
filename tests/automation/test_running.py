from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import psutil
import pytest

from automation import running
from automation.clock import stopwatch
from automation.errors import SetupError
from automation.locks import only_one
from automation.running import Child, Runner
from automation.settings import Settings

IDLE = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, port=free_port())


def runner(settings: Settings, said: list[str], *codes: str) -> Runner:
    children = [Child(f"child {n}", [sys.executable, "-c", code]) for n, code in enumerate(codes)]
    return Runner(settings, said.append, children=children)


def watch_until(found: Runner, is_so: object, seconds: float = 10) -> None:
    end = stopwatch() + seconds
    while stopwatch() < end:
        found.watch()
        if callable(is_so) and is_so():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not come to pass")


def test_a_child_that_dies_is_started_again_after_a_pause(settings: Settings) -> None:
    said: list[str] = []
    found = runner(settings, said, IDLE)
    child = found.children[0]
    child.pause = 0.1
    found.start()
    try:
        assert child.process is not None
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        watch_until(found, lambda: child.process is not None and child.process.pid != first)
        assert said == ["The child 0 process ended (killed by SIGKILL); starting it again in 0.1 s."]
        assert child.pause == 0.2, "the next pause is longer"
    finally:
        found.stop()


def test_a_child_whose_settings_are_wrong_stops_everything(settings: Settings) -> None:
    found = runner(settings, [], "raise SystemExit(2)", IDLE)
    found.start()
    try:
        assert found.until_stopped() == running.SETUP_FAILED
    finally:
        found.stop()


def test_all_children_end_when_told_and_the_deaf_are_killed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.5)
    said: list[str] = []
    found = runner(settings, said, IDLE, DEAF)
    found.start()
    threading.Event().wait(0.5)
    found.stop()
    assert [c.process.returncode for c in found.children if c.process] == [-signal.SIGTERM, -signal.SIGKILL]
    assert len(said) == 1
    assert "was killed" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_children_do_not_outlive_a_supervisor_that_is_killed(settings: Settings) -> None:
    code = f"""
from automation.running import Runner, Child
from automation.settings import Settings
import sys, time
r = Runner(Settings(), print, children=[Child("c", [sys.executable, "-c", {IDLE!r}])])
r.start()
print(r.children[0].process.pid, flush=True)
time.sleep(60)
"""
    with psutil.Popen([sys.executable, "-c", code], stdout=-1, text=True) as supervisor:
        orphan = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
        orphan.wait(10)
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_health_that_does_not_come_is_a_clear_sentence(settings: Settings) -> None:
    found = runner(settings, [], IDLE)
    found.start()
    try:
        with pytest.raises(SetupError, match=r"did not come up within 0\.3 seconds"):
            found.wait_healthy(0.3)
    finally:
        found.stop()


def test_a_port_in_use_is_a_clear_sentence(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        with pytest.raises(SetupError, match=rf"Port {settings.port} .* CARTWHEEL_PORT"), running.sole_owner(settings):
            pytest.fail("it started")


def test_a_second_supervisor_of_a_data_folder_is_refused(settings: Settings) -> None:
    with (
        running.sole_owner(settings),
        pytest.raises(SetupError, match="already running"),
        running.sole_owner(settings),
    ):
        pytest.fail("it started")


def test_a_worker_that_sends_from_the_folder_keeps_a_supervisor_away(settings: Settings) -> None:
    with (
        only_one(running.sending_lock(settings), "x"),
        pytest.raises(SetupError, match="already running"),
        running.sole_owner(settings),
    ):
        pytest.fail("it started")
