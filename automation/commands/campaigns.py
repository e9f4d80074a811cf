"""Campaigns from the terminal: the recipes there are, a draft from one, its versions, and what starts and stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import get_args

import click
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from automation import campaigns as definitions
from automation import preflight
from automation.actions import campaigns, setup
from automation.app import App, build
from automation.commands.running import ensure_migrated
from automation.endings import GOAL_STEP
from automation.errors import NotAllowed
from automation.models import Campaign, Store
from automation.recipes import recipes as all_recipes
from automation.settings import load
from automation.transfers import Impact, Inside

_STORE = click.option("--store", "store_name", metavar="NAME", help="Of several stores, which one.")
_INSIDE = click.option(
    "--inside",
    type=click.Choice(get_args(Inside)),
    default="finish",
    show_default=True,
    help="What becomes of those inside: they finish on their version, move to the new one, or exit.",
)
_FATES = {"stays": "the step stays", "changes": "the step changes", "vanishes": "the step is gone"}


@contextmanager
def _opened(store_name: str | None) -> Iterator[tuple[App, Session, Store, datetime]]:
    """The installation, a transaction, and the store that is meant. Raises NotAllowed for one that is not there."""
    settings = load()
    ensure_migrated(settings)
    app = build(settings)
    try:
        with app.db.write() as session:
            now = app.clock()
            store = setup.open_store(app, session, now)
            if store_name is not None:
                found = session.scalars(select(Store).where(Store.name == store_name).order_by(Store.id)).first()
                if found is None:
                    raise NotAllowed(f"There is no store called {store_name}.")
                store = found
            yield app, session, store, now
    finally:
        app.close()


def _named(session: Session, store: Store, name: str) -> Campaign:
    found = session.scalars(
        select(Campaign).where(Campaign.store_id == store.id, or_(Campaign.name == name, Campaign.public_id == name))
    ).first()
    if found is None:
        raise NotAllowed(f"{store.name} has no campaign called {name}.")
    return found


@click.command()
def recipes() -> None:
    """List the campaigns that are ready to be drafted."""
    width = max(map(len, all_recipes()))
    for name, recipe in all_recipes().items():
        click.echo(f"{name:{width}}  {recipe.description}")


@click.command()
@click.argument("recipe")
@click.option("--name", help="What to call the campaign; else what the recipe is called.")
@_STORE
def draft(recipe: str, name: str | None, store_name: str | None) -> None:
    """Make a draft from a RECIPE (`cartwheel recipes` lists them)."""
    with _opened(store_name) as (app, session, store, now):
        campaign = campaigns.create_from_recipe(app, session, store, recipe, now, name=name)
        campaigns.install_mails(app, session, campaign, now)
        problems = campaigns.problems(app, session, campaign, now)
        title = campaign.name
    click.echo(f"Drafted: {title}")
    for problem in problems:
        click.echo(f"Before it can go live: {problem}")
    click.echo(f'Publish it: cartwheel publish "{title}"')


@click.command()
@click.argument("campaign")
@_INSIDE
@_STORE
def publish(campaign: str, inside: Inside, store_name: str | None) -> None:
    """Put the draft of a CAMPAIGN live, by its name.

    `cartwheel impact CAMPAIGN` says beforehand whom it concerns.
    """
    with _opened(store_name) as (app, session, store, now):
        row = _named(session, store, campaign)
        found = preflight.findings(app, session, store.id, definitions.read(row.draft), now)
        version = campaigns.publish(app, session, row, now, inside=inside)
        said = [f"{row.name} is live (version {version.number})."]
        said += [f"But {finding.words}." for finding in found if finding.step_id and not finding.forbids]
    click.echo("\n".join(said))


@click.command()
@click.argument("campaign")
@click.argument("number", type=int)
@_INSIDE
@_STORE
def rollback(campaign: str, number: int, inside: Inside, store_name: str | None) -> None:
    """Make version NUMBER of a CAMPAIGN live again, as a new version with the same mails."""
    with _opened(store_name) as (app, session, store, now):
        row = _named(session, store, campaign)
        version = campaigns.rollback(app, session, row, number, now, inside=inside)
        said = f"{row.name} is as it was in version {number} (live as version {version.number})."
    click.echo(said)


@click.command()
@click.argument("campaign")
@_STORE
def duplicate(campaign: str, store_name: str | None) -> None:
    """Make a new draft with all that the draft of a CAMPAIGN says."""
    with _opened(store_name) as (_, session, store, now):
        name = campaigns.duplicate(session, _named(session, store, campaign), now).name
    click.echo(f'Drafted: {name}\nPublish it: cartwheel publish "{name}"')


@click.command()
@click.argument("campaign")
@_STORE
def impact(campaign: str, store_name: str | None) -> None:
    """Say who waits at which step of a CAMPAIGN, and what publishing its draft with `--inside move` means for them."""
    with _opened(store_name) as (_, session, store, _now):
        found = campaigns.impact(session, _named(session, store, campaign))
    for one in found:
        click.echo(_meant(one))
    click.echo(f"{sum(one.waiting for one in found):,} inside.")


def _meant(one: Impact) -> str:
    places = {None: "before the first step", GOAL_STEP: "behind the last step, for its goal"}
    said = f"version {one.version}, {places.get(one.step_id, one.step_id)}: {one.waiting:,}, {_FATES[one.fate]}"
    if one.step_id is None:
        return f"{said}; they begin with the new version"
    if one.goes_to is None:
        return f"{said}; moved, their way ends"
    return said if one.goes_to == one.step_id else f"{said}; moved, they go on at {one.goes_to}"


@click.command()
@click.argument("campaign")
@_STORE
def pause(campaign: str, store_name: str | None) -> None:
    """Hold a live CAMPAIGN: nobody enters, nothing is sent."""
    with _opened(store_name) as (_, session, store, now):
        row = _named(session, store, campaign)
        campaigns.pause(session, row, now)
        name = row.name
    click.echo(f'{name} is paused. Go on: cartwheel resume "{name}"')


@click.command()
@click.argument("campaign")
@_STORE
def resume(campaign: str, store_name: str | None) -> None:
    """Let a paused CAMPAIGN go on."""
    with _opened(store_name) as (_, session, store, now):
        row = _named(session, store, campaign)
        campaigns.resume(session, row, now)
        name = row.name
    click.echo(f"{name} is live again.")


@click.command()
@click.argument("campaign")
@click.option("--now", "at_once", is_flag=True, help="Those inside leave at once instead of finishing.")
@_STORE
def stop(campaign: str, at_once: bool, store_name: str | None) -> None:
    """Let nobody enter a CAMPAIGN any more; those inside finish."""
    with _opened(store_name) as (_, session, store, now):
        row = _named(session, store, campaign)
        campaigns.stop(session, row, now, exit_everyone=at_once)
        name = row.name
    click.echo(f"{name} is stopped." if at_once else f"{name} takes nobody in any more; those inside finish.")
