"""`cartwheel migrate-to`: from the embedded database to one of its own."""

from __future__ import annotations

import click

from automation import running
from automation.app import build
from automation.database import Database
from automation.locks import only_one
from automation.settings import load
from automation.terminal import Terminal


@click.command("migrate-to")
@click.argument("url")
def migrate_to(url: str) -> None:
    """Move this installation to another, empty database: URL postgresql://user@host/name.

    Every table is counted and compared on both sides; if anything differs, nothing is moved. The old database stays as
    it is. Stop Cartwheel first.
    """
    from automation.relocation import move  # noqa: PLC0415  only needed here
    from automation.stages.deliver import replay  # noqa: PLC0415  as above

    settings = load()
    terminal = Terminal()
    lock = running.sending_lock(settings) if settings.is_embedded else settings.data / "work.lock"
    with running.sole_owner(settings), only_one(lock, running.running_sentence(settings)):
        app = build(settings)
        target = Database(url)
        try:
            # What the send journals say would be missing from the new database.
            replay(app, app.clock())
            moved = move(app.db, target, terminal.bar)
        finally:
            terminal.end()
            target.dispose()
            app.close()
    for table in moved:
        if table.rows:
            terminal.say(f"  {table.table:28} {table.rows:>10,} rows  {table.checksum[:16]}")
    total = sum(table.rows for table in moved)
    terminal.say(f"Moved {total:,} rows of {len(moved)} tables; every table is the same on both sides.")
    terminal.say("From now on set CARTWHEEL_DATABASE_URL to the new database's address, and on every host")
    terminal.say(f"CARTWHEEL_SECRET_KEY_FILE to a copy of {settings.data.absolute() / 'secret.key'}.")
