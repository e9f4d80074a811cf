"""`cartwheel demo`: the demo shop, from nothing to the first mails; and its clock."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable

import click

from automation import migrating, running
from automation.app import App, build
from automation.clock import stopwatch
from automation.demo import fast_forward, opening
from automation.errors import SetupError
from automation.locks import is_held
from automation.models import Job
from automation.settings import Settings, child_environment, load
from automation.terminal import Terminal

FIRST_MAILS = 120.0
"""Seconds that the terminal waits for the first mails before it stops talking about them."""


@click.command()
@click.option("--forward", metavar="SPAN", help="Turn a running demo's clock forward: 90m, 24h or 3d.")
def demo(forward: str | None) -> None:
    """Start Cartwheel with its demo shop; the first time, make it."""
    settings = load(demo=True)
    terminal = Terminal()
    if forward is not None:
        _forward(settings, _hours(forward), terminal)
        return
    with running.sole_owner(settings):
        sys.exit(_open(settings, terminal))


def _open(settings: Settings, terminal: Terminal) -> int:
    began = stopwatch()
    front_end = FrontEnd(terminal)
    app = build(settings)
    try:
        with running.interruptible() as check:
            if migrating.upgrade(app.db):
                terminal.say(f"Made the database in {settings.data}.")
            if opening.ensure_loaded(app, _bar(terminal, "Loading the demo shop", check)):
                terminal.end()
                terminal.say(f"Loaded the demo shop, Wren & Thistle ({stopwatch() - began:.0f} s).")
            front_end.finish()
            check()
        terminal.bar(1, "starting the web process and the worker")

        def ready(runner: running.Runner) -> None:
            terminal.end()
            _greet(app, terminal)
            threading.Thread(target=_await_mails, args=(app, terminal, runner.stopping), daemon=True).start()

        return running.run(settings, terminal.say, {"CARTWHEEL_DEMO": "1"}, ready)
    finally:
        terminal.end()
        front_end.close()
        app.close()


def _bar(terminal: Terminal, what: str, check: Callable[[], None]) -> Callable[[float, str], None]:
    def show(done: float, words: str) -> None:
        check()
        terminal.bar(done, f"{what}: {words}")

    return show


class FrontEnd:
    """Builds the pages' scripts and styles beside the loading."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        # By name: the machine does not import its windows.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "webapp.assets"],
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        """End it if it still works."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def finish(self) -> None:
        """Wait for it. Raises SetupError with what it said when it failed."""
        if self._process.poll() is None:
            self._terminal.bar(1, "building the front end")
        said, _ = self._process.communicate()
        if self._process.returncode:
            lines = [line for line in said.splitlines() if line.strip()]
            raise SetupError("The front end could not be built: " + "\n".join(lines[-8:]))


def _greet(app: App, terminal: Terminal) -> None:
    terminal.say("")
    terminal.say("Cartwheel is running. Log in (this link works once, for half an hour):")
    terminal.say(f"  {opening.fresh_link(app)}")
    terminal.say(f"Every mail is captured: {app.settings.public_url}/mailbox")
    terminal.say("Ctrl+C stops everything; `cartwheel demo` starts it again.")
    terminal.say("")


def _await_mails(app: App, terminal: Terminal, stopping: threading.Event) -> None:
    began = stopwatch()
    while not stopping.wait(0.5):
        count = opening.mails_sent(app)
        if count:
            terminal.end()
            terminal.say(f"{count} {'mail' if count == 1 else 'mails'} in the mailbox.")
            return
        waited = stopwatch() - began
        if waited > FIRST_MAILS:
            terminal.end()
            terminal.say("No mail yet: the quiet hours of all who are due may not be over. See the campaigns page.")
            return
        terminal.bar(waited / FIRST_MAILS, "waiting for the first mails")


def _hours(span: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhd])", span.strip().lower())
    if found is None:
        raise SetupError(f"{span!r} is no span: write 90m, 24h or 3d.")
    return float(found[1]) * {"m": 1 / 60, "h": 1, "d": 24}[found[2]]


def _forward(settings: Settings, hours: float, terminal: Terminal) -> None:
    if not is_held(settings.data / "run.lock"):
        raise SetupError("The demo is not running here: start it with `cartwheel demo` first.")
    app = build(settings)
    try:
        with app.db.write() as session:
            job_id = fast_forward.ask(app, session, hours).id
        waiting = threading.Event()
        while not waiting.wait(0.3):
            with app.db.read() as session:
                job = session.get_one(Job, job_id)
                state, done, words = job.state, job.progress, job.message
            if state in ("done", "failed"):
                break
            terminal.bar(done, words)
        terminal.end()
        terminal.say(f"The clock went {hours:g} hours forward; {words}.")
        terminal.say(f"{opening.mails_sent(app)} mails in the mailbox.")
    finally:
        app.close()
