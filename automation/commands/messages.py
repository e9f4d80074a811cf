"""One mail by hand, and the switch of all sending."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import messages, stores
from automation.app import build
from automation.commands.running import ensure_migrated
from automation.errors import NotAllowed
from automation.models import Store
from automation.settings import load


@contextmanager
def _opened() -> Iterator[tuple[Session, datetime]]:
    settings = load()
    ensure_migrated(settings)
    app = build(settings)
    try:
        with app.db.write() as session:
            yield session, app.clock()
    finally:
        app.close()


@click.group()
def message() -> None:
    """Park or resend one mail, by the id that its page shows."""


@message.command()
@click.argument("public_id")
def park(public_id: str) -> None:
    """Take a waiting mail off the belt until it is resent."""
    with _opened() as (session, now):
        messages.park(session, messages.find(session, public_id), now)
    click.echo("It is parked.")


@message.command()
@click.argument("public_id")
@click.option("--deliberately", is_flag=True, help="Also when the customer has it already, or may have it.")
def resend(public_id: str, *, deliberately: bool) -> None:
    """Send a mail again; one that never left goes before the sending rules anew."""
    with _opened() as (session, now):
        sent = messages.resend(session, messages.find(session, public_id), now, is_deliberate=deliberately)
        click.echo(f"It will be sent as {sent.public_id}.")


@click.group()
def sending() -> None:
    """Pause or resume all sending, or that of one store."""


def _switch(store_name: str | None, *, is_paused: bool) -> None:
    with _opened() as (session, now):
        if store_name is None:
            stores.set_paused(session, is_paused=is_paused, now=now)
        else:
            store = session.scalars(select(Store).where(Store.name == store_name).order_by(Store.id)).first()
            if store is None:
                raise NotAllowed(f"There is no store called {store_name}.")
            stores.set_store_paused(session, store.id, is_paused=is_paused, now=now)
    whose = f"Sending of {store_name}" if store_name else "All sending"
    click.echo(f"{whose} is paused." if is_paused else f"{whose} goes on.")


@sending.command()
@click.option("--store", "store_name", metavar="NAME", help="Only this store's.")
def pause(store_name: str | None) -> None:
    """Let nothing leave; customers go on entering campaigns, and their mails wait."""
    _switch(store_name, is_paused=True)


@sending.command()
@click.option("--store", "store_name", metavar="NAME", help="Only this store's.")
def resume(store_name: str | None) -> None:
    """Let mails leave again; what is too old by now is dropped with its reason."""
    _switch(store_name, is_paused=False)
