"""What a person may do with a campaign: draft, edit, publish, pause, resume, stop, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation import audit, campaigns
from automation.app import App
from automation.campaigns import Definition
from automation.errors import CampaignBroken, NotAllowed
from automation.freezing import check_kinds, frozen
from automation.models import (
    Campaign,
    CampaignVersion,
    Enrolment,
    Message,
    Store,
)
from automation.recipes import Recipe
from automation.recipes import recipes as _recipes
from automation.security import random_id

_NOT_SENT = ("draft", "ready", "retry")


def recipes() -> dict[str, Recipe]:
    """The ready campaigns, by name."""
    return _recipes()


def create(
    session: Session, store: Store, name: str, definition: Definition, now: datetime, admin_id: int | None = None
) -> Campaign:
    """A new draft. Its name gets a number where the store has one of that name already."""
    taken = set(session.scalars(select(Campaign.name).where(Campaign.store_id == store.id)))
    unique = name.strip()[:180] or "Campaign"
    number = 2
    while unique in taken:
        unique = f"{name.strip()[:180]} {number}"
        number += 1
    row = Campaign(
        public_id=random_id(),
        store_id=store.id,
        name=unique,
        draft=definition.model_dump(mode="json"),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "campaign.created", row.public_id, now)
    return row


def create_from_recipe(
    app: App, session: Session, store: Store, recipe: str, now: datetime, admin_id: int | None = None
) -> Campaign:
    """A new draft from a recipe. Raises NotAllowed for a recipe that does not exist."""
    del app  # a recipe is data; the installation matters when it is published
    found = _recipes().get(recipe)
    if found is None:
        raise NotAllowed(f"There is no recipe called {recipe}.")
    row = create(session, store, found.title, found.definition, now, admin_id)
    row.description = found.description
    return row


def edit(
    app: App, session: Session, campaign: Campaign, draft: dict[str, Any], now: datetime, admin_id: int | None = None
) -> None:
    """Keep a changed draft; the live version stays as it is. Raises CampaignBroken for what cannot even be kept."""
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be edited.")
    definition = campaigns.read(draft)
    check_kinds(app, definition)
    campaign.draft = definition.model_dump(mode="json")
    campaign.updated_at = now
    audit.note(session, admin_id, "campaign.edited", campaign.public_id, now)


def publish(
    app: App, session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None
) -> CampaignVersion:
    """Freeze the draft as the live version. Customers who are inside finish on the version they entered.

    Raises CampaignBroken naming the part that is not ready, NotAllowed for an archived campaign.
    """
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be published.")
    store = session.get_one(Store, campaign.store_id)
    definition = frozen(app, session, store, campaigns.read(campaign.draft), now)
    number = session.scalar(
        select(func.coalesce(func.max(CampaignVersion.number), 0)).where(CampaignVersion.campaign_id == campaign.id)
    )
    version = CampaignVersion(
        campaign_id=campaign.id,
        number=(number or 0) + 1,
        definition=definition.model_dump(mode="json"),
        created_at=now,
        created_by=admin_id,
    )
    session.add(version)
    session.flush()
    if campaign.state not in ("live", "paused") or campaign.live_since is None:
        campaign.live_since = now
    campaign.live_version_id = version.id
    campaign.enrolled_at = None
    campaign.state, campaign.state_reason = "live", ""
    campaign.updated_at = now
    audit.note(session, admin_id, "campaign.published", campaign.public_id, now, version=version.number)
    return version


def problems(app: App, session: Session, campaign: Campaign, now: datetime) -> list[str]:
    """What stands in the way of publishing, each in a sentence; empty when nothing does."""
    store = session.get_one(Store, campaign.store_id)
    try:
        frozen(app, session, store, campaigns.read(campaign.draft), now)
    except CampaignBroken as error:
        return [str(error)]
    return []


def pause(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None, reason: str = "") -> None:
    """Hold everything: nobody enters, nobody moves, nothing is sent. Raises NotAllowed unless it is live."""
    if campaign.state not in ("live", "stopping"):
        raise NotAllowed("Only a live campaign can be paused.")
    _move(session, campaign, "paused", now, admin_id, reason)


def resume(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None) -> None:
    """Go on where it was. What fell due meanwhile is caught up, as after downtime."""
    if campaign.state != "paused":
        raise NotAllowed("Only a paused campaign can be resumed.")
    _move(session, campaign, "live", now, admin_id)


def stop(
    session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None, *, exit_everyone: bool = False
) -> None:
    """Let nobody enter any more; those inside finish, or leave at once with `exit_everyone`."""
    if campaign.state not in ("live", "paused"):
        raise NotAllowed("Only a live or paused campaign can be stopped.")
    if exit_everyone:
        _clear(session, campaign, now)
    _move(session, campaign, "stopping", now, admin_id)


def archive(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None) -> None:
    """Put it away: everybody leaves, what was not sent is dropped. Its figures stay."""
    if campaign.state == "archived":
        raise NotAllowed("The campaign is archived already.")
    _clear(session, campaign, now)
    _move(session, campaign, "archived", now, admin_id)


def _move(
    session: Session, campaign: Campaign, state: str, now: datetime, admin_id: int | None, reason: str = ""
) -> None:
    campaign.state, campaign.state_reason, campaign.updated_at = state, reason, now
    audit.note(session, admin_id, f"campaign.{state}", campaign.public_id, now)


def _clear(session: Session, campaign: Campaign, now: datetime) -> None:
    session.execute(
        update(Enrolment)
        .where(Enrolment.campaign_id == campaign.id, Enrolment.state == "active")
        .values(state="exited", ended_at=now, exit_reason="the campaign was stopped", step_id=None)
    )
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign.id, Message.state.in_(_NOT_SENT))
        .values(state="dropped", reason="campaign_stopped", decided_at=now)
    )
