"""What a person may do with a campaign: draft, edit, publish, pause, resume, stop, archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from automation import audit, campaigns, drafts, flow_editing, transfers
from automation.actions import offers, templates
from automation.app import App
from automation.campaigns import Definition
from automation.delivery.results import NEVER
from automation.differences import differs
from automation.errors import CampaignBroken, NotAllowed
from automation.freezing import check_kinds, frozen
from automation.models import (
    Campaign,
    CampaignVersion,
    Enrolment,
    Message,
    Segment,
    Store,
    Template,
    Trial,
)
from automation.offers.holding import find
from automation.offers.terms import Terms
from automation.recipes import Recipe, RecipeOffer, RecipeSegment
from automation.recipes import recipes as _recipes
from automation.security import random_id
from automation.transfers import Impact, Inside

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
        draft=definition.model_dump(mode="json", by_alias=True),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "campaign.created", row.public_id, now)
    return row


def create_from_recipe(
    app: App,
    session: Session,
    store: Store,
    recipe: str,
    now: datetime,
    admin_id: int | None = None,
    *,
    name: str | None = None,
) -> Campaign:
    """A new draft from a recipe, with the segment that it watches and the offer that it gives.

    Raises NotAllowed for an unknown recipe.
    """
    found = _recipes().get(recipe)
    if found is None:
        raise NotAllowed(f"There is no recipe called {recipe}.")
    definition = found.definition
    if found.segment is not None:
        settings = {**definition.trigger.settings, "segment": _segment(session, store, found.segment, now)}
        definition = definition.model_copy(
            update={"trigger": definition.trigger.model_copy(update={"settings": settings})}
        )
    if found.offer is not None:
        _offer(app, session, store, found.offer, now, admin_id)
    row = create(session, store, name or found.title, definition, now, admin_id)
    row.description = found.description
    return row


def _segment(session: Session, store: Store, wanted: RecipeSegment, now: datetime) -> int:
    """The id of the store's segment of that name; made when there is none."""
    known = session.scalars(select(Segment.id).where(Segment.store_id == store.id, Segment.name == wanted.name)).first()
    if known is not None:
        return known
    row = Segment(
        store_id=store.id,
        name=wanted.name,
        description=wanted.description,
        rule=wanted.rule,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def _offer(app: App, session: Session, store: Store, wanted: RecipeOffer, now: datetime, admin_id: int | None) -> None:
    """Make the store's offer of that name when there is none. No code, no alert: a person has not asked for it yet."""
    if find(session, store.id, wanted.name) is None:
        terms = Terms.model_validate({**asdict(wanted), "currency": store.currency, "low_stock": 0})
        offers.save(app, session, store.id, terms, now, admin_id=admin_id)


def install_mails(app: App, session: Session, campaign: Campaign, now: datetime) -> None:
    """Give the store the mails that come with Cartwheel and that a draft names; those it has stay as they are."""
    store = session.get_one(Store, campaign.store_id)
    named = {node.settings.get("template") for node in campaigns.walk(campaigns.read(campaign.draft).flow)}
    have = set(session.scalars(select(Template.name).where(Template.store_id == store.id)))
    missing = {name for name in named - have if isinstance(name, str)}
    if missing:
        templates.install(app, session, store, now, only=missing)


def edit(
    app: App, session: Session, campaign: Campaign, draft: dict[str, Any], now: datetime, admin_id: int | None = None
) -> None:
    """Keep a changed draft; the live version stays as it is. Raises CampaignBroken for what cannot even be kept."""
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be edited.")
    definition = campaigns.read(draft)
    check_kinds(app, definition)
    changed = definition.model_dump(mode="json", by_alias=True)
    if changed != campaign.draft:
        drafts.remember(session, campaign, now)
    campaign.draft = changed
    campaign.updated_at = now
    audit.note(session, admin_id, "campaign.edited", campaign.public_id, now)


def publish(
    app: App,
    session: Session,
    campaign: Campaign,
    now: datetime,
    admin_id: int | None = None,
    *,
    inside: Inside = "finish",
) -> CampaignVersion:
    """Freeze the draft as the live version. `inside` says what becomes of customers who are on an older one.

    Raises CampaignBroken naming the part that is not ready, NotAllowed for an archived campaign.
    """
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be published.")
    store = session.get_one(Store, campaign.store_id)
    definition = frozen(app, session, store, campaigns.read(campaign.draft), now)
    version = _make_live(session, campaign, definition, now, admin_id, inside)
    audit.note(session, admin_id, "campaign.published", campaign.public_id, now, version=version.number, inside=inside)
    return version


def rollback(
    app: App,
    session: Session,
    campaign: Campaign,
    number: int,
    now: datetime,
    admin_id: int | None = None,
    *,
    inside: Inside = "finish",
) -> CampaignVersion:
    """Make an older version live again, as a new version with the same mails.

    A draft with changes that were never published is kept; any other becomes what is live.
    Raises NotAllowed for a version that does not exist or is live, and for an archived campaign.
    """
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be published.")
    older = session.scalars(
        select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id, CampaignVersion.number == number)
    ).one_or_none()
    if older is None:
        raise NotAllowed(f"There is no version {number}.")
    if older.id == campaign.live_version_id:
        raise NotAllowed(f"Version {number} is live already.")
    live = session.get(CampaignVersion, campaign.live_version_id) if campaign.live_version_id else None
    definition = campaigns.read(older.definition)
    if live is None or not differs(app, campaign.draft, live.definition):
        campaign.draft = definition.model_dump(mode="json", by_alias=True)
    version = _make_live(session, campaign, definition, now, admin_id, inside)
    audit.note(
        session,
        admin_id,
        "campaign.rolled_back",
        campaign.public_id,
        now,
        to=number,
        version=version.number,
        inside=inside,
    )
    return version


def _make_live(
    session: Session, campaign: Campaign, definition: Definition, now: datetime, admin_id: int | None, inside: Inside
) -> CampaignVersion:
    number = session.scalar(
        select(func.coalesce(func.max(CampaignVersion.number), 0)).where(CampaignVersion.campaign_id == campaign.id)
    )
    before = session.get(CampaignVersion, campaign.live_version_id) if campaign.live_version_id else None
    version = CampaignVersion(
        campaign_id=campaign.id,
        number=(number or 0) + 1,
        definition=definition.model_dump(mode="json", by_alias=True),
        created_at=now,
        created_by=admin_id,
    )
    session.add(version)
    session.flush()
    if before is not None:
        _begin_trials_anew(session, campaign.id, campaigns.read(before.definition), definition)
    if inside == "move":
        transfers.move(session, campaign.id, definition, version.id, now)
    elif inside == "exit":
        _clear(session, campaign, now, "left when a new version was published")
    if campaign.state not in ("live", "paused") or campaign.live_since is None:
        campaign.live_since = now
    if campaign.state == "paused":
        _let_go(session, campaign, now)
    campaign.live_version_id = version.id
    campaign.enrolled_at = campaign.swept_at = None
    campaign.state, campaign.state_reason = "live", ""
    campaign.updated_at = now
    return version


def _begin_trials_anew(session: Session, campaign_id: int, before: Definition, after: Definition) -> None:
    """Figures of arms that are no longer what they were decide nothing."""
    old = {node.id: node for node in campaigns.walk(before.flow)}
    changed = [node.id for node in campaigns.walk(after.flow) if old.get(node.id) != node]
    if changed:
        session.execute(delete(Trial).where(Trial.campaign_id == campaign_id, Trial.step_id.in_(changed)))


def impact(session: Session, campaign: Campaign) -> list[Impact]:
    """How many people wait at each step of the versions they are in, and what publishing the draft means for them."""
    return transfers.impact(session, campaign.id, campaigns.read(campaign.draft))


def duplicate(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None) -> Campaign:
    """A new draft with the same definition: nobody is in it, and its chances are drawn anew."""
    store = session.get_one(Store, campaign.store_id)
    row = create(session, store, f"{campaign.name} (copy)", campaigns.read(campaign.draft), now, admin_id)
    row.description = campaign.description
    return row


def copy_steps(
    app: App,
    session: Session,
    source: Campaign,
    step_ids: Sequence[str],
    target: Campaign,
    now: datetime,
    admin_id: int | None = None,
    *,
    after: str | None = None,
) -> list[str]:
    """Copy steps of one draft, with all that hangs below them, into another (or the same), under new ids.

    They are put behind the step `after`, or at the end. Answers the new ids of `step_ids`. Raises NotAllowed for
    steps that do not exist, CampaignBroken as `edit()` does.
    """
    found = {node.id: node for node in campaigns.walk(campaigns.read(source.draft).flow)}
    unknown = [step_id for step_id in step_ids if step_id not in found]
    if unknown:
        raise NotAllowed(f"There is no step {', '.join(unknown)}.")
    into = campaigns.read(target.draft)
    chosen = [found[step_id] for step_id in step_ids]
    copies, names = flow_editing.copies(app, into, chosen)
    flow = campaigns.inserted(into.flow, copies, after)
    if flow is None:
        raise NotAllowed(f"There is no step {after}.")
    changed = into.model_copy(update={"flow": flow})
    edit(app, session, target, changed.model_dump(mode="json", by_alias=True), now, admin_id)
    return [names[step_id] for step_id in step_ids]


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
    if state == "paused":
        _hold(session, campaign)
    elif campaign.state == "paused":
        _let_go(session, campaign, now)
    campaign.state, campaign.state_reason, campaign.updated_at = state, reason, now
    audit.note(
        session, admin_id, f"campaign.{state}", campaign.public_id, now, **({"reason": reason} if reason else {})
    )


def _hold(session: Session, campaign: Campaign) -> None:
    """Nobody looks at its mails until it goes on, or every look for what is due would pass over all of them."""
    session.execute(
        update(Message).where(Message.campaign_id == campaign.id, Message.state.in_(_NOT_SENT)).values(due_at=NEVER)
    )


def _let_go(session: Session, campaign: Campaign, now: datetime) -> None:
    """All that was held is looked at at once; what has to wait longer is told so again."""
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign.id, Message.state.in_(_NOT_SENT), Message.due_at == NEVER)
        .values(due_at=now)
    )


def _clear(session: Session, campaign: Campaign, now: datetime, reason: str = "the campaign was stopped") -> None:
    session.execute(
        update(Enrolment)
        .where(Enrolment.campaign_id == campaign.id, Enrolment.state == "active")
        .values(state="exited", ended_at=now, exit_reason=reason, step_id=None, waits_for=None, arrived_at=None)
    )
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign.id, Message.state.in_(_NOT_SENT))
        .values(state="dropped", reason="campaign_stopped", decided_at=now)
    )
