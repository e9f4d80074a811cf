"""A live version, read once per batch: its definition, its trigger's settings, its flow as the stages use it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from automation import campaigns, waking
from automation.app import App
from automation.campaigns import Definition, StepNode
from automation.errors import CampaignBroken
from automation.models import Campaign, CampaignVersion, Customer, Enrolment, Store
from automation.policy import Policy
from automation.rules import language
from automation.rules.language import Rule
from automation.rules.scope import Scope, scope_of
from automation.trigger import Occurrences, Trigger, Window

GONE = "what it was about still exists"
"""The condition that fails when the row a trigger watched is no longer there."""


@dataclass(frozen=True)
class Version:
    """A version with everything that stages ask of it."""

    id: int
    campaign_id: int
    store_id: int
    campaign_name: str
    state: str
    live_since: datetime | None
    enrolled_at: datetime | None
    definition: Definition
    policy: Policy
    timezone: str
    """The store's, for customers without one."""
    trigger: Trigger
    settings: Any
    """Of the trigger."""
    steps: dict[str, Any]
    """The settings of each step, by its id."""
    zones: tuple[str, ...] = ()
    """Where the store's customers live, for a trigger to which it matters."""
    swept_at: datetime | None = None
    """What was due for everybody until then has gone out."""

    @cached_property
    def nodes(self) -> dict[str, StepNode]:
        """The flow's steps by id."""
        return {node.id: node for node in campaigns.walk(self.definition.flow)}

    @cached_property
    def following(self) -> dict[str | None, str | None]:
        """Which step comes after which."""
        return campaigns.following(self.definition.flow)

    @cached_property
    def exits(self) -> list[tuple[Rule, str]]:
        """The rules that end a customer's way, and what is said then."""
        return [(language.read(e.rule), e.reason) for e in self.definition.exits]

    @cached_property
    def goal_rule(self) -> Rule | None:
        """The goal's rule, where it is one."""
        goal = self.definition.goal
        return None if goal is None or goal.rule is None else language.read(goal.rule)

    @cached_property
    def goal_events(self) -> frozenset[str]:
        """What may bring the goal about: its event, or those that its rule asks of."""
        goal = self.definition.goal
        if goal is not None and goal.event is not None:
            return frozenset([goal.event])
        return frozenset() if self.goal_rule is None else waking.awaited_by(self.goal_rule)

    @cached_property
    def audience(self) -> Rule:
        """The audience's rule."""
        return language.read(self.definition.audience)

    def window(self, now: datetime) -> Window:
        """The span in which something had to fall due to enrol now: no older than `catch_up`, nor than going live."""
        since = now - self.policy.catch_up
        if self.live_since is not None and self.live_since > since:
            since = self.live_since - timedelta(microseconds=1)
        if self.trigger.mailable_only and self.swept_at is not None and since < self.swept_at <= now:
            since = self.swept_at
        return Window(
            since=since,
            until=now,
            store_id=self.store_id,
            campaign_id=self.campaign_id,
            timezone=self.timezone,
            zones=self.zones,
        )

    def occurrences(self, now: datetime) -> Occurrences:
        """What is due now."""
        return self.trigger.occurrences(self.settings, self.window(now))


def _read(app: App, version: CampaignVersion, campaign: Campaign, store: Store) -> Version:
    definition = campaigns.read_published(version.definition)
    trigger = app.triggers[definition.trigger.kind]
    return Version(
        id=version.id,
        campaign_id=campaign.id,
        store_id=store.id,
        campaign_name=campaign.name,
        state=campaign.state,
        live_since=campaign.live_since,
        enrolled_at=campaign.enrolled_at,
        swept_at=campaign.swept_at,
        definition=definition,
        policy=Policy.model_validate(store.policy),
        timezone=store.timezone,
        trigger=trigger,
        settings=trigger.Settings.model_validate(definition.trigger.settings),
        steps={
            node.id: app.steps[node.kind].Settings.model_validate(node.settings)
            for node in campaigns.walk(definition.flow)
        },
    )


def of_live_campaigns(app: App, session: Session) -> list[Version]:
    """The live version of every campaign that still enrols: one statement, and one more if any trigger is local."""
    rows = session.execute(
        select(CampaignVersion, Campaign, Store)
        .join(Campaign, Campaign.live_version_id == CampaignVersion.id)
        .join(Store, Store.id == Campaign.store_id)
        .where(Campaign.state == "live", Campaign.enrolled_at.is_(None))
        .order_by(Campaign.id)
    )
    found = [_read(app, version, campaign, store) for version, campaign, store in rows]
    local = {version.store_id for version in found if version.trigger.is_local}
    zones = zones_of(session, local) if local else {}
    return [
        replace(version, zones=zones[version.store_id]) if version.trigger.is_local else version for version in found
    ]


def zones_of(session: Session, store_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """For each store the time zones of its customers, sorted; "" stands for customers without one.

    One statement. It leaps from zone to zone through the index, so it costs as many steps as there are zones.
    """

    def next_after(store: ColumnElement[int], zone: ColumnElement[str] | None = None) -> ScalarSelect[Any]:
        later = select(func.min(Customer.timezone)).where(Customer.store_id == store)
        return (later if zone is None else later.where(Customer.timezone > zone)).scalar_subquery()

    first = select(Store.id.label("store_id"), next_after(Store.id.expression).label("zone"))
    leap = first.where(Store.id.in_(store_ids)).cte("leap", recursive=True)
    leap = leap.union_all(
        select(leap.c.store_id, next_after(leap.c.store_id, leap.c.zone)).where(leap.c.zone.is_not(None))
    )
    found: dict[int, set[str]] = {store_id: {""} for store_id in store_ids}
    for row in session.execute(select(leap.c.store_id, leap.c.zone).where(leap.c.zone.is_not(None))):
        found[row.store_id].add(row.zone)
    return {store_id: tuple(sorted(names)) for store_id, names in found.items()}


def of_ids(app: App, session: Session, ids: Collection[int]) -> dict[int, Version]:
    """Versions by id: one statement."""
    rows = session.execute(
        select(CampaignVersion, Campaign, Store)
        .join(Campaign, Campaign.id == CampaignVersion.campaign_id)
        .join(Store, Store.id == Campaign.store_id)
        .where(CampaignVersion.id.in_(ids))
    )
    return {version.id: _read(app, version, campaign, store) for version, campaign, store in rows}


def of_draft(app: App, session: Session, campaign: Campaign, now: datetime) -> Version:
    """A campaign's draft as the version that it would be, had it been published at `now`; nothing is checked or kept.

    Raises CampaignBroken for a draft that cannot be read, or names a kind that there is not.
    """
    definition = campaigns.read(campaign.draft)
    unknown = [node.kind for node in campaigns.walk(definition.flow) if node.kind not in app.steps]
    if definition.trigger.kind not in app.triggers or unknown:
        raise CampaignBroken(f"there is no kind {[definition.trigger.kind, *unknown][-1]!r}")
    store = session.get_one(Store, campaign.store_id)
    trigger = app.triggers[definition.trigger.kind]
    settings = trigger.at_publish(trigger.Settings.model_validate(definition.trigger.settings), now)
    version = Version(
        id=0,
        campaign_id=campaign.id,
        store_id=store.id,
        campaign_name=campaign.name,
        state=campaign.state,
        live_since=now,
        enrolled_at=None,
        definition=definition,
        policy=Policy.model_validate(store.policy),
        timezone=store.timezone,
        trigger=trigger,
        settings=settings,
        steps={
            node.id: app.steps[node.kind].Settings.model_validate({**node.settings, **_unfixed(node)})
            for node in campaigns.walk(definition.flow)
        },
    )
    return with_zones(session, version)


def _unfixed(node: StepNode) -> dict[str, Any]:
    return {"template_version_id": 0} if node.kind == "mail" else {}


def with_zones(session: Session, version: Version) -> Version:
    """The version with the zones of the store's customers, where its trigger is local."""
    if not version.trigger.is_local:
        return version
    return replace(version, zones=zones_of(session, [version.store_id])[version.store_id])


def segments_of(session: Session, store_id: int) -> Scope:
    """The rules of a store's segments, by id, with all else that reading a rule needs."""
    return scope_of(session, store_id)


def standing(session: Session, version: Version, enrolment_ids: Sequence[int], now: datetime) -> dict[int, str | None]:
    """For each enrolment of one version, the first of the trigger's conditions that no longer holds, or None.

    One statement, and none at all for a trigger without conditions.
    """
    found = version.trigger.occurrences(version.settings, version.window(now), anchor=Enrolment.anchor_at.expression)
    if not found.conditions:
        return dict.fromkeys(enrolment_ids)
    names = list(found.conditions)
    columns = [condition.label(f"condition_{i}") for i, condition in enumerate(found.conditions.values())]
    rows = session.execute(
        select(Enrolment.id, *columns)
        .select_from(Enrolment)
        .join(found.source, found.subject_id == Enrolment.subject_id)
        .where(Enrolment.id.in_(enrolment_ids))
    )
    seen = {row[0]: next((name for name, holds in zip(names, row[1:], strict=True) if not holds), None) for row in rows}
    return {i: seen.get(i, GONE) for i in enrolment_ids}
