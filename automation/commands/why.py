"""`cartwheel why`: why a customer did, or did not, get a campaign's mails."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import orjson

from automation.app import build
from automation.commands.subjects import campaign_called, customer_at
from automation.errors import SetupError
from automation.explaining import why as explain
from automation.explaining.lines import FAIL, PASS, lines
from automation.settings import load

_COLOURS = {PASS: "green", FAIL: "red"}


@click.command()
@click.argument("campaign")
@click.argument("email")
@click.option("--at", metavar="TIME", help="As of this moment: 2026-03-10T09:00+01:00. A time without a zone is UTC.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
def why(campaign: str, email: str, at: str | None, as_json: bool) -> None:
    """Say why the customer EMAIL did, or did not, get the mails of CAMPAIGN.

    CAMPAIGN is a campaign's name, or a part of it. Every condition of the trigger, node of the audience's rule and
    rule of entering is shown with what it saw, for each occasion of the last 90 days; and each mail with every
    decision on it and what became of it. It works for customers who never entered, and for drafts.
    """
    app = build(load())
    try:
        moment = _moment(at) or app.clock()
        with app.db.read() as session:
            row = campaign_called(session, campaign)
            answer = explain(app, session, row, customer_at(session, row.store_id, email), moment)
    finally:
        app.close()
    if as_json:
        click.echo(orjson.dumps(answer.as_json(), option=orjson.OPT_INDENT_2).decode())
        return
    for mark, said in lines(answer):
        click.echo(f"  {click.style(mark, fg=_COLOURS.get(mark))} {said}" if mark else click.style(said, bold=True))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SetupError(f"--at {text!r} is no moment: write 2026-03-10T09:00 or 2026-03-10T09:00+01:00.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
