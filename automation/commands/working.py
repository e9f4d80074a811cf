"""Looking and doing by hand: status, one round of work, translating a payload, measuring."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from automation import running
from automation.app import build
from automation.errors import SetupError
from automation.locks import only_one
from automation.settings import load

if TYPE_CHECKING:
    from automation.sending import ConnectionHealth


@click.command()
@click.option("--once", is_flag=True, required=True, help="Run every stage until all rest, then end.")
def work(once: bool) -> None:  # noqa: ARG001  the flag says what happens; there is no other way yet
    """Run the belt by hand: every stage until all rest."""
    from automation.queue.beat import drain  # noqa: PLC0415  the stages are only needed here

    settings = load()
    lock = running.sending_lock(settings) if settings.is_embedded else settings.data / "work.lock"
    with only_one(lock, running.running_sentence(settings)):
        app = build(settings)
        try:
            moved = drain(app)
        finally:
            app.close()
    done = ", ".join(f"{name} {count:,}" for name, count in moved.items() if count)
    click.echo(f"Rows moved: {done}." if done else "There was nothing to do.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat JSON object for machines.")
def status(as_json: bool) -> None:
    """Count customers, campaigns, enrolments and messages, and tell how each mail provider's connection does."""
    from automation import sending  # noqa: PLC0415  as above
    from automation.counting import count  # noqa: PLC0415  as above

    app = build(load())
    try:
        with app.db.read() as session:
            found = count(session)
            lines = sending.connections(app, session, app.clock())
    finally:
        app.close()
    if as_json:
        told = {**found, "connections": [line.as_json() for line in lines]}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in found.items():
        if isinstance(value, dict):
            listed = ", ".join(f"{n:,} {state}" for state, n in value.items() if n) or "none"
            click.echo(f"{name:12} {listed}")
        else:
            click.echo(f"{name:12} {value:,}")
    for line in lines:
        click.echo(f"{line.name:12} {_told(line)}")


def _told(line: ConnectionHealth) -> str:
    parts = [line.sentence]
    if line.rate.per_second is not None:
        parts.append(f"At most {line.rate.per_second:g} {line.rate.of} a second.")
    if line.warm_up is not None and line.warm_up.most is not None:
        parts.append(f"Day {line.warm_up.day} of its warm-up: {line.warm_up.most:,} mails to each mailbox provider.")
    return " ".join(parts)


@click.command()
@click.argument("kind")
@click.argument("topic")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def translate(kind: str, topic: str, file: Path) -> None:
    """Print what a platform's or provider's payload becomes: KIND shopify, TOPIC orders/create, FILE the body."""
    from automation.translate import translate as read  # noqa: PLC0415  as above

    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    app = build(load())
    try:
        changes = read(app, kind, topic, body)
        for change in changes:
            click.echo(orjson.dumps(change.model_dump(mode="json", exclude_none=True)).decode())
        if not changes:
            click.echo(f"Nothing changes: {kind} says nothing by it that is read here. It is counted.", err=True)
    finally:
        app.close()


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure the hot paths."""
    sys.argv = ["bench", *arguments]
    try:
        runpy.run_module("bench", run_name="__main__", alter_sys=True)
    except ImportError as error:
        raise SetupError(f"The benchmarks are not part of this installation ({error}).") from error
