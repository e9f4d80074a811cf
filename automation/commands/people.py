"""Files in and out, and what one person may ask for by law, from the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import imports, setup
from automation.app import App, build
from automation.commands.running import ensure_migrated
from automation.commands.subjects import customer_at
from automation.erasing.access import access as everything_of
from automation.erasing.erase import erase as erase_customer
from automation.errors import NotAllowed
from automation.exporting import DATASETS, FORMATS
from automation.exporting import export as write_out
from automation.importing.fields import KINDS
from automation.importing.options import Options
from automation.models import Import, Store
from automation.settings import load
from automation.stages.load import load as load_rows
from automation.terminal import Terminal

_STORE = click.option("--store", "store_name", metavar="NAME", help="Of several stores, which one.")


@contextmanager
def _opened(store_name: str | None) -> Iterator[tuple[App, int]]:
    """The installation and the row id of the store that is meant. Raises NotAllowed for one that is not there."""
    settings = load()
    ensure_migrated(settings)
    app = build(settings)
    try:
        with app.db.write() as session:
            store = _store(app, session, store_name)
        yield app, store.id
    finally:
        app.close()


def _store(app: App, session: Session, name: str | None) -> Store:
    if name is None:
        return setup.open_store(app, session, app.clock())
    found = session.scalars(select(Store).where(Store.name == name).order_by(Store.id)).first()
    if found is None:
        raise NotAllowed(f"There is no store called {name}.")
    return found


@click.command("import")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only count what would come in, and say what would be refused.")
@click.option("--evidence", default="", help="Where and by which words they agreed.")
@click.option("--all-agreed", is_flag=True, help="Everybody in the file has agreed; needs --evidence.")
@click.option("--topic", default="marketing", show_default=True, help="What they agreed to.")
@click.option("--dates", type=click.Choice(["iso", "day_first", "month_first"]), default="iso", show_default=True)
@click.option("--welcome", is_flag=True, help="Let welcome campaigns greet those who are new.")
@click.option("--as-recorded", is_flag=True, help="The file is an export of Cartwheel: keep the sources of consents.")
@_STORE
def take_in(
    kind: str,
    path: Path,
    dry_run: bool,
    evidence: str,
    all_agreed: bool,
    topic: str,
    dates: str,
    welcome: bool,
    as_recorded: bool,
    store_name: str | None,
) -> None:
    """Take in a file (CSV or XLSX) at PATH with rows of a KIND; its first row names the columns."""
    options = Options.model_validate(
        {
            "consent": "granted" if all_agreed else "as_told",
            "evidence": evidence,
            "topic": topic,
            "dates": dates,
            "welcome": welcome,
            "as_recorded": as_recorded,
        }
    )
    terminal = Terminal()
    with _opened(store_name) as (app, store_id):
        now = app.clock()
        with app.db.write() as session:
            row = imports.upload(app, session, store_id=store_id, kind=kind, path=path, filename=path.name, now=now)
            imports.change(session, row, now, options=options)
            (imports.check if dry_run else imports.start)(session, row, now)
            import_id = row.id
        done = _follow(app, import_id, terminal)
        for count, (line, column, value, reason) in enumerate(imports.refusals(app, import_id)):
            if count == 20:
                terminal.say(f"  … and {done.rows_refused - 20:,} more")
                break
            terminal.say(f"  line {line}{f', {column}' if column else ''}: {reason}{f' ({value!r})' if value else ''}")
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(done.counts.items()))
    terminal.say(f"{done.rows_done:,} rows, {done.rows_refused:,} refused. {counts}".strip())
    if done.state == "failed":
        raise NotAllowed(f"It stopped: {done.message}")


def _follow(app: App, import_id: int, terminal: Terminal) -> Import:
    """Do the work here, or watch a worker do it."""
    while True:
        with app.db.read() as session:
            row = session.get_one(Import, import_id)
            session.expunge(row)
        if row.state not in ("checking", "running"):
            terminal.end()
            return row
        terminal.bar(0.0 if not row.rows_total else row.rows_done / row.rows_total, f"{row.rows_done:,} rows")
        load_rows(app, app.clock(), 10_000)


@click.command("export")
@click.argument("dataset", type=click.Choice(list(DATASETS)))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option("--to", "path", type=click.Path(path_type=Path), help="The file to write; else it goes to the screen.")
@_STORE
def write(dataset: str, form: str, path: Path | None, store_name: str | None) -> None:
    """Write out a DATASET of a store."""
    with _opened(store_name) as (app, store_id):
        pieces = write_out(app, store_id, dataset, form, app.clock())  # type: ignore[arg-type]  # click held it to the two
        if path is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
    click.echo(f"Written: {path}")


@click.command()
@click.argument("email")
@click.option("--to", "path", type=click.Path(path_type=Path), required=True, help="The ZIP file to write.")
@_STORE
def access(email: str, path: Path, store_name: str | None) -> None:
    """Write everything that is held of the customer EMAIL into a ZIP file, for them to have."""
    with _opened(store_name) as (app, store_id), app.db.read() as session:
        customer = customer_at(session, store_id, email)
        packed = everything_of(session, customer, session.get_one(Store, store_id).name, app.clock())
    with path.open("xb") as file:
        file.write(packed)
    click.echo(f"Written: {path}")


@click.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_STORE
def erase(email: str, yes: bool, store_name: str | None) -> None:
    """Erase the customer EMAIL from every table, for good; figures stay without a name."""
    with _opened(store_name) as (app, store_id):
        with app.db.read() as session:
            customer_id = customer_at(session, store_id, email).public_id
        if not yes:
            click.confirm(f"Erase {email} ({customer_id})? This cannot be undone.", abort=True)
        with app.db.write() as session:
            erase_customer(session, customer_at(session, store_id, customer_id), app.clock(), by="the command line")
    click.echo("Erased. No sync or import brings them back; they themselves may come back by a form.")
