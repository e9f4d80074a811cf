"""`cartwheel backtest`: what a campaign would have done over the store's own history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import click
import orjson

from automation.app import build
from automation.backtest import MOST_DAYS, Backtest
from automation.backtest import backtest as replay
from automation.commands.subjects import campaign_called
from automation.reasons import day_and_time
from automation.settings import load

_WIDTH = 30


@click.command()
@click.argument("campaign")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="How far to look back.")
@click.option("--who", type=click.IntRange(0), default=20, show_default=True, help="How many entrants to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines, with every entrant.")
def backtest(campaign: str, days: int, who: int, as_json: bool) -> None:
    """Say what CAMPAIGN would have done over the last days of the store's own history.

    CAMPAIGN is a campaign's name, or a part of it; its draft is what is replayed, so it need not be live. Nothing is
    written and nothing is sent. What history does not keep is named at the end.
    """
    app = build(load())
    try:
        now = app.clock()
        with app.db.read() as session:
            found = replay(app, session, campaign_called(session, campaign), now - timedelta(days=days), now)
    finally:
        app.close()
    if as_json:
        click.echo(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())
        return
    for line in _lines(found, who):
        click.echo(line)


def _lines(found: Backtest, who: int) -> Iterator[str]:
    span = f"{day_and_time(found.since, found.timezone)} to {day_and_time(found.until, found.timezone)}"
    yield click.style(f"{found.campaign}: {span} ({found.timezone})", bold=True)
    yield f"{found.occurrences:,} times something fell due; {found.entered:,} entries by {found.customers:,} customers."
    yield f"{found.mails:,} mails would have gone; {found.under_way:,} customers were still on their way at the end."
    yield f"After {found.ordered_within_hour:,} of the occasions the customer ordered within the hour anyway."
    yield (
        f"{found.collisions:,} mails would have met a mail of another campaign; {found.would_hold_back:,} mails of "
        f"others would have had to wait. {found.offers:,} offers would have been given out."
    )
    if found.kept_out:
        yield click.style("Did not enter, because this did not hold", bold=True)
        yield from _counted(found.kept_out)
    for step in found.steps:
        yield click.style(f"{step.words} ({step.step_id})", bold=True)
        yield f"  {step.sent:>7,}  went, {step.put_off:,} of them later than planned"
        yield from _counted(step.not_sent)
        if step.ordered:
            yield f"  {step.ordered:>7,}  of those that did not go: the customer had ordered anyway"
    yield click.style("Day by day: entries, mails", bold=True)
    most = max([day.mails for day in found.days], default=0) or 1
    for day in found.days:
        yield f"  {day.on:%a %d %b}  {day.entered:>6,} {day.mails:>6,}  {'█' * round(day.mails / most * _WIDTH)}"
    if who and found.entrants:
        yield click.style("Who, when, for what", bold=True)
    for entrant in found.entrants[:who]:
        entered = day_and_time(entrant.entered_at, found.timezone)
        went = sum(mail.went for mail in entrant.mails)
        yield f"  {entered:>16}  {entrant.name[:20]:20}  {entrant.customer}  {went} mails  {entrant.key}"
    if len(found.entrants) > who:
        yield f"  … and {len(found.entrants) - who:,} more (--who, --json)"
    for caveat in found.caveats:
        yield click.style(f"Note: {caveat}", fg="yellow")


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    for words, count in counts.items():
        yield f"  {count:>7,}  {words}"
