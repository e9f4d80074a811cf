"""`cartwheel doctor`: is everything as it must be? Exit code 1 when something is not."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from automation.app import build
from automation.checkup import examine
from automation.finding import Finding
from automation.settings import load

_MARKS = {"good": ("ok", "green"), "warning": ("note", "yellow"), "bad": ("FAIL", "red")}


@click.command()
def doctor() -> None:
    """Check the database, the data folder, the clock, the connections, the worker and the senders' domains."""
    app = build(load())
    try:
        findings = examine(app, app.clock())
    finally:
        app.close()
    _print(findings)
    sys.exit(1 if any(f.verdict == "bad" for f in findings) else 0)


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        word, colour = _MARKS[finding.verdict]
        click.echo(f"{click.style(f'{word:4}', fg=colour)}  {finding.what}: {finding.said}")
        if finding.advice:
            click.echo(f"      → {finding.advice}")
