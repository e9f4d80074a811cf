"""Runs an installation on one machine: the web process and the worker, side by side, watched.

A child that dies is started again after a pause that doubles; one that says its settings are wrong (exit code 2)
stops everything. Ctrl+C and SIGTERM end both children cleanly.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from automation.clock import stopwatch
from automation.errors import SetupError
from automation.locks import is_held, only_one
from automation.settings import Settings, child_environment

SETUP_FAILED = 2
"""Exit code of a process that cannot start before somebody changes something."""
PATIENCE = 10.0
"""Seconds that a child gets to end by itself."""
SOUND_AFTER = 60.0
"""Seconds after which a child that dies counts as having run well: its pause begins anew."""
LONGEST_PAUSE = 30.0

Say = Callable[[str], None]


def sending_lock(settings: Settings) -> Path:
    """The file whose lock owns sending on an embedded installation."""
    return settings.data / "lock"


def running_sentence(settings: Settings) -> str:
    """What is said to whoever comes second."""
    return (
        f"Cartwheel is already running on the data folder {settings.data.absolute()}. "
        "Stop it first, or choose another folder with CARTWHEEL_DATA."
    )


def check_port(settings: Settings) -> None:
    """Raise SetupError when nothing can listen where the web process is to."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SetupError(
                f"Port {settings.port} on {settings.host} cannot be used ({(error.strerror or 'unknown').lower()}). "
                "Choose another one with CARTWHEEL_PORT."
            ) from error


def local_url(settings: Settings) -> str:
    """Where the web process answers on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104  compared, not bound
    return f"http://{host}:{settings.port}"


@dataclass(slots=True)
class Child:
    """A process of ours: how it is started, and how it has fared."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    again_at: float | None = None
    """When to start it again, on the stopwatch."""


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded beforehand: between fork and exec nothing may be."""


def _die_with_parent() -> None:  # pragma: no cover  runs in the child, between fork and exec
    # A supervisor that is killed outright must not leave a sender behind.
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGTERM)


@dataclass(slots=True)
class Runner:
    """Starts, watches and ends the children."""

    settings: Settings
    say: Say
    environment: dict[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    children: list[Child] = field(
        default_factory=lambda: [
            Child("web", [sys.executable, "-m", "webapp"]),
            Child("worker", [sys.executable, "-m", "automation", "worker"]),
        ]
    )
    exit_code: int = 0

    def start(self) -> None:
        """Start all children."""
        for child in self.children:
            self._start(child)

    def _start(self, child: Child) -> None:
        # In a group of their own, so that Ctrl+C reaches them through us alone and in order.
        child.process = subprocess.Popen(  # noqa: S603  our own modules, no shell
            child.arguments,
            env=child_environment(**self.environment),
            start_new_session=True,
            preexec_fn=_die_with_parent if _LIBC else None,  # noqa: PLW1509  one C call, which takes no lock
        )
        child.started, child.again_at = stopwatch(), None

    def watch(self) -> None:
        """Look after the children once: note the dead, start again whose pause is over."""
        for child in self.children:
            if child.again_at is not None:
                if stopwatch() >= child.again_at:
                    self._start(child)
                continue
            code = child.process.poll() if child.process else None
            if code is None:
                continue
            if code == SETUP_FAILED:
                self.exit_code = SETUP_FAILED
                self.stopping.set()
                return
            if stopwatch() - child.started > SOUND_AFTER:
                child.pause = 1.0
            self.say(f"The {child.name} process ended ({_why(code)}); starting it again in {child.pause:g} s.")
            child.again_at = stopwatch() + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def until_stopped(self) -> int:
        """Watch until told to stop; the exit code."""
        while not self.stopping.wait(0.25):
            self.watch()
        return self.exit_code

    def stop(self) -> None:
        """End all children: ask, wait, and kill what does not listen."""
        alive = [c for c in self.children if c.process and c.process.poll() is None]
        for child in alive:
            assert child.process is not None
            child.process.terminate()
        end = stopwatch() + PATIENCE
        for child in alive:
            assert child.process is not None
            try:
                child.process.wait(max(0.1, end - stopwatch()))
            except subprocess.TimeoutExpired:
                self.say(f"The {child.name} process did not end in {PATIENCE:g} s and was killed.")
                child.process.kill()
                child.process.wait()

    def wait_healthy(self, seconds: float = 60) -> None:
        """Wait until web and worker both answer for themselves. Raises SetupError when they do not in time."""
        end = stopwatch() + seconds
        with httpx.Client(timeout=2, trust_env=False) as client:
            while stopwatch() < end and not self.stopping.is_set():
                self.watch()
                if self._is_healthy(client):
                    return
                self.stopping.wait(0.1)
        if not self.stopping.is_set():
            raise SetupError(
                f"Cartwheel did not come up within {seconds:g} seconds; what is printed above may say why."
            )

    def _is_healthy(self, client: httpx.Client) -> bool:
        try:
            answer = client.get(f"{local_url(self.settings)}/healthz").json()
        except (httpx.HTTPError, ValueError):
            return False
        age = answer.get("heartbeats", {}).get("worker")
        since = max(child.started for child in self.children)
        # Only a beat of this very run counts.
        return bool(answer.get("ok")) and age is not None and age < stopwatch() - since


def _why(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def signals_stop(stopping: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stopping` instead of tearing the process down."""

    def stop(_number: int, _frame: object) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Make sure that no Ctrl+C is lost; gives a check that raises KeyboardInterrupt once one has come.

    An exception raised by a signal is dropped by the interpreter when it comes in a finaliser or in a driver's
    callback; long work therefore asks the check between its parts as well.
    """
    came = threading.Event()

    def interrupt(_number: int, _frame: object) -> None:
        came.set()
        raise KeyboardInterrupt

    def check() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def sole_owner(settings: Settings) -> Iterator[None]:
    """Be the only supervisor of a data folder, and know that nobody sends from it. Raises SetupError otherwise."""
    with only_one(settings.data / "run.lock", running_sentence(settings)):
        if settings.is_embedded and is_held(sending_lock(settings)):
            raise SetupError(running_sentence(settings))
        check_port(settings)
        yield


def run(settings: Settings, say: Say, environment: dict[str, str], on_ready: Callable[[Runner], None]) -> int:
    """Run both processes until a signal comes; the exit code. `on_ready` is called once both are up.

    The caller is the `sole_owner`. Raises SetupError when they do not come up.
    """
    runner = Runner(settings, say, environment)
    with signals_stop(runner.stopping):
        try:
            runner.start()
            runner.wait_healthy()
            if not runner.stopping.is_set():
                on_ready(runner)
            code = runner.until_stopped()
        finally:
            say("Stopping …")
            runner.stop()
    say("Stopped." if code == 0 else "Stopped: see the message above.")
    return code
