"""The command line: `cartwheel` and `python -m automation`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from automation.errors import CartwheelError

COMMANDS = {
    "run": ("running", "run"),
    "demo": ("demo", "demo"),
    "web": ("running", "web"),
    "worker": ("running", "worker"),
    "admin": ("admin", "admin"),
    "migrate": ("running", "migrate"),
    "migrate-to": ("relocation", "migrate_to"),
    "recipes": ("campaigns", "recipes"),
    "draft": ("campaigns", "draft"),
    "impact": ("campaigns", "impact"),
    "publish": ("campaigns", "publish"),
    "rollback": ("campaigns", "rollback"),
    "duplicate": ("campaigns", "duplicate"),
    "pause": ("campaigns", "pause"),
    "resume": ("campaigns", "resume"),
    "stop": ("campaigns", "stop"),
    "sending": ("messages", "sending"),
    "message": ("messages", "message"),
    "work": ("working", "work"),
    "status": ("working", "status"),
    "translate": ("working", "translate"),
    "doctor": ("doctor", "doctor"),
    "why": ("why", "why"),
    "backtest": ("backtest", "backtest"),
    "import": ("people", "take_in"),
    "export": ("people", "write"),
    "access": ("people", "access"),
    "erase": ("people", "erase"),
    "bench": ("working", "bench"),
}
"""Each command's file in automation/commands and its name there."""


class Commands(click.Group):
    """Loads a command's code when it is asked for, and turns our errors into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"automation.commands.{found[0]}"), found[1])
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CartwheelError as error:
            click.echo(f"Error: {error}", err=True)
        except DBAPIError as error:
            from automation.database import sentence  # noqa: PLC0415  what goes well does not need it

            click.echo(f"Error: {sentence(error)}", err=True)
        except OSError as error:
            click.echo(f"Error: {error.filename or 'A file'}: {error.strerror or error}.", err=True)
        except KeyboardInterrupt:
            click.echo("\nStopped. What was begun goes on at the next start.", err=True)
            raise click.exceptions.Exit(130) from None
        raise click.exceptions.Exit(2)


@click.group(cls=Commands)
@click.version_option(package_name="cartwheel")
def main() -> None:
    """Email engagement automation for online stores."""


if __name__ == "__main__":
    sys.exit(main())
