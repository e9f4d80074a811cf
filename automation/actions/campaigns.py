"""What a person may do with a campaign: draft, edit, publish, pause, resume, stop, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation import audit, campaigns
from automation.app import App
from automation.campaigns import Definition, StepNode
from automation.errors import CampaignBroken, NotAllowed, RuleBroken
from automation.models import (
    Campaign,
    CampaignVersion,
    Enrolment,
    Message,
    Store,
    Template,
)
from automation.recipes import Recipe
from automation.recipes import recipes as _recipes
from automation.rules import language
from automation.rules.sql import predicate
from automation.security import random_id
from automation.versions import segments_of

MAX_STEPS = 200
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
    _check_kinds(app, definition)
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
    definition = _frozen(app, session, store, campaigns.read(campaign.draft), now)
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
        _frozen(app, session, store, campaigns.read(campaign.draft), now)
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
    audit.note(
        session, admin_id, f"campaign.{state}", campaign.public_id, now, **({"reason": reason} if reason else {})
    )


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


def _check_kinds(app: App, definition: Definition) -> None:
    trigger = app.triggers.get(definition.trigger.kind)
    if trigger is None:
        raise CampaignBroken(f"trigger: there is no kind {definition.trigger.kind!r}")
    _settings("trigger", trigger.Settings, definition.trigger.settings)
    nodes = list(campaigns.walk(definition.flow))
    if len(nodes) > MAX_STEPS:
        raise CampaignBroken(f"flow: a campaign may have {MAX_STEPS} steps; this one has {len(nodes)}")
    for node in nodes:
        step = app.steps.get(node.kind)
        if step is None:
            raise CampaignBroken(f"step {node.id}: there is no kind {node.kind!r}")
        _settings(f"step {node.id}", step.Settings, node.settings)
        unknown = set(node.branches) - set(step.branches)
        if unknown:
            raise CampaignBroken(f"step {node.id}: {node.kind} has no branch {', '.join(sorted(unknown))}")


def _settings(where: str, model: Any, value: dict[str, Any]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CampaignBroken(f"{where}: {field or 'settings'}: {first['msg']}") from error


def _frozen(app: App, session: Session, store: Store, definition: Definition, now: datetime) -> Definition:
    """The definition as a version keeps it: every kind checked, every mail fixed to its version."""
    _check_kinds(app, definition)
    try:
        rule = language.read(definition.audience)
        predicate(rule, now, segments_of(session, store.id))
    except RuleBroken as error:
        raise CampaignBroken(f"audience: {error}") from error
    if not any(node.kind == "mail" for node in campaigns.walk(definition.flow)):
        raise CampaignBroken("flow: the campaign sends no mail yet")
    if not store.sender_email:
        raise CampaignBroken("store: set the sender's address first (Settings)")
    if not store.postal_address and definition.mail_class != "transactional":
        raise CampaignBroken("store: set the postal address first (Settings); the law wants it in every mail")
    mails = session.execute(select(Template.name, Template.latest_version_id).where(Template.store_id == store.id))
    latest = {row.name: row.latest_version_id for row in mails}
    trigger = app.triggers[definition.trigger.kind]
    settings = trigger.at_publish(trigger.Settings.model_validate(definition.trigger.settings), now)
    return definition.model_copy(
        update={
            "trigger": definition.trigger.model_copy(update={"settings": settings.model_dump(mode="json")}),
            "flow": [_pinned(node, latest) for node in definition.flow],
        }
    )


def _pinned(node: StepNode, latest: dict[str, int | None]) -> StepNode:
    settings = node.settings
    if node.kind == "mail":
        name = settings.get("template") or ""
        version_id = latest.get(name)
        if version_id is None:
            raise CampaignBroken(f"step {node.id}: " + (f"there is no mail called {name}" if name else "choose a mail"))
        settings = {**settings, "template_version_id": version_id}
    branches = {name: [_pinned(inner, latest) for inner in nodes] for name, nodes in node.branches.items()}
    return node.model_copy(update={"settings": settings, "branches": branches})
