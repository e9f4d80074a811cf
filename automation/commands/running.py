"""Starting things: all of it, the web process, the worker, the migrations."""

from __future__ import annotations

import runpy
import sys
import threading
from contextlib import ExitStack

import click

from automation import logs, migrating, running
from automation.actions import setup
from automation.app import App, build
from automation.errors import SetupError
from automation.locks import only_one
from automation.settings import Settings, load
from automation.terminal import Terminal


def ensure_migrated(settings: Settings) -> bool:
    """Migrate the embedded database; True when there was something to do.

    A database of its own may be shared with running workers: there a person says when. Raises SetupError.
    """
    app = build(settings)
    try:
        if settings.is_embedded:
            return migrating.upgrade(app.db)
        if migrating.present(app.db) != migrating.newest():
            raise SetupError("The database is not at this release's revision: run `cartwheel migrate`.")
        return False
    finally:
        app.close()


@click.command()
def run() -> None:
    """Start the web process and the worker, and look after both."""
    settings = load()
    terminal = Terminal()
    with running.sole_owner(settings):
        ensure_migrated(settings)
        is_empty = not _open(settings)

        def ready(_runner: running.Runner) -> None:
            terminal.say(f"Cartwheel is running at {settings.public_url} (Ctrl+C stops it).")
            if is_empty:
                terminal.say("Nobody can log in yet: `cartwheel admin you@your-shop.example` prints a link that does.")

        sys.exit(running.run(settings, terminal.say, {}, ready))


def _open(settings: Settings) -> bool:
    """Make the first store where there is none; whether anybody can log in."""
    app = build(settings)
    try:
        with app.db.write() as session:
            setup.open_store(app, session, app.clock())
            return setup.has_admin(session)
    finally:
        app.close()


@click.command()
def web() -> None:
    """Start the web process alone."""
    # By name: the machine does not import its windows.
    runpy.run_module("webapp", run_name="__main__", alter_sys=True)


@click.command()
def worker() -> None:
    """Start the worker alone: it moves the belt and sends."""
    settings = load()
    logs.configure(settings, "worker")
    with ExitStack() as stack:
        if settings.is_embedded:
            stack.enter_context(only_one(running.sending_lock(settings), running.running_sentence(settings)))
        app = build(settings)
        stack.callback(app.close)
        if settings.is_embedded:
            # A damaged database is a matter for a person: said once, not at every tick.
            migrating.present(app.db)
        stopping = threading.Event()
        stack.enter_context(running.signals_stop(stopping))
        _work(app, stopping)


def _work(app: App, stopping: threading.Event) -> None:
    # Late: the stages are only needed here, and their imports take time.
    from automation.demo.play import Play  # noqa: PLC0415
    from automation.queue.beat import run_worker  # noqa: PLC0415

    if app.settings.broker_url is not None:
        _work_for_broker(app, stopping)
        return
    if not app.settings.demo:
        run_worker(app, stopping)
        return
    play = Play(app, stopping)
    try:
        run_worker(app, stopping, {"storefront": play.storefront, "fast_forward": play.fast_forward})
    finally:
        play.close()


def _work_for_broker(app: App, stopping: threading.Event) -> None:
    if app.settings.is_embedded:
        raise SetupError("CARTWHEEL_BROKER_URL goes with PostgreSQL: set CARTWHEEL_DATABASE_URL, or leave both out.")
    try:
        from automation.queue.celery import run_worker  # noqa: PLC0415  only the distributed shape needs Celery
    except ImportError as error:
        raise SetupError("CARTWHEEL_BROKER_URL needs Celery: pip install 'cartwheel[distributed]'.") from error
    run_worker(app, stopping)


@click.command()
def migrate() -> None:
    """Bring the database's tables up to this release."""
    app = build(load())
    try:
        changed = migrating.upgrade(app.db)
        click.echo(f"The database is at revision {migrating.present(app.db)}{'' if changed else ' already'}.")
    finally:
        app.close()
