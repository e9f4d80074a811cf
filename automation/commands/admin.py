"""Letting somebody in: the first owner, or an admin who lost the password."""

from __future__ import annotations

import click

from automation.actions import setup
from automation.actions.admins import wall_time
from automation.app import build
from automation.commands.running import ensure_migrated
from automation.settings import load


@click.command()
@click.argument("email")
@click.option("--role", type=click.Choice(["owner", "manager", "editor", "viewer"]), default="owner", show_default=True)
def admin(email: str, role: str) -> None:
    """Print a link that logs EMAIL in once; makes the admin when there is none of that address.

    The link works for half an hour. The role only counts for a new admin.
    """
    settings = load()
    ensure_migrated(settings)
    app = build(settings)
    try:
        with app.db.write() as session:
            setup.open_store(app, session, app.clock())
            token = setup.let_in(session, email, wall_time(app), role=role)
        click.echo(f"{settings.public_url}/login/{token}")
    finally:
        app.close()
