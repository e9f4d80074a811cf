"""A draft becomes a version: every kind is checked, every rule read once, and what was open is fixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from automation import campaigns
from automation.app import App
from automation.campaigns import Definition, StepNode
from automation.errors import CampaignBroken, RuleBroken
from automation.models import Store, Template
from automation.rules import language
from automation.rules.scope import Scope
from automation.rules.sql import predicate
from automation.step import Publishing, StepSettings
from automation.versions import segments_of

MAX_STEPS = 200


def check_kinds(app: App, definition: Definition) -> None:
    """Raise CampaignBroken for a kind, a setting or a branch that does not exist: such a draft is not even kept."""
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
        settings = _settings(f"step {node.id}", step.Settings, node.settings)
        unknown = set(node.branches) - set(step.branches_of(settings))
        if unknown:
            raise CampaignBroken(f"step {node.id}: {node.kind} has no branch {', '.join(sorted(unknown))}")


def _settings(where: str, model: Any, value: dict[str, Any]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CampaignBroken(f"{where}: {field or 'settings'}: {first['msg'].removeprefix('Value error, ')}") from error


def frozen(app: App, session: Session, store: Store, definition: Definition, now: datetime) -> Definition:
    """The definition as a version keeps it. Raises CampaignBroken naming the part that is not ready."""
    check_kinds(app, definition)
    scope = segments_of(session, store.id)
    _check_rules(scope, definition, now)
    _check_flow(app, definition)
    _check_store(store, definition)
    trigger = app.triggers[definition.trigger.kind]
    settings = trigger.at_publish(trigger.Settings.model_validate(definition.trigger.settings), now)
    around = _around(session, store, definition, scope, now)
    return definition.model_copy(
        update={
            "trigger": definition.trigger.model_copy(update={"settings": settings.model_dump(mode="json")}),
            "flow": [_fixed(app, node, around) for node in definition.flow],
        }
    )


def _around(session: Session, store: Store, definition: Definition, scope: Scope, now: datetime) -> Publishing:
    mails = session.execute(select(Template.name, Template.latest_version_id).where(Template.store_id == store.id))
    return Publishing(
        session=session,
        store_id=store.id,
        step_id="",
        step_ids=frozenset(node.id for node in campaigns.walk(definition.flow)),
        mails={row.name: row.latest_version_id for row in mails},
        scope=scope,
        now=now,
    )


def flaws(app: App, session: Session, store: Store, definition: Definition, now: datetime) -> list[tuple[str, str]]:
    """Everything that stands in the way of publishing: (a step's id or "", what), where `frozen()` names the first."""
    try:
        check_kinds(app, definition)
    except CampaignBroken as error:
        return [("", str(error))]
    scope = segments_of(session, store.id)
    around = _around(session, store, definition, scope, now)
    found: list[tuple[str, str]] = []
    checks: tuple[Callable[[], None], ...] = (
        lambda: _check_store(store, definition),
        lambda: _check_rules(scope, definition, now),
        lambda: _check_flow(app, definition),
    )
    for check in checks:
        try:
            check()
        except CampaignBroken as error:
            found.append(("", str(error)))
    for node in campaigns.walk(definition.flow):
        try:
            # Alone, so that a flaw further down is told at the step that has it.
            _fixed(app, node.model_copy(update={"branches": {}}), around)
        except CampaignBroken as error:
            found.append((node.id, str(error).removeprefix(f"step {node.id}: ")))
    return found


def _check_store(store: Store, definition: Definition) -> None:
    if not store.sender_email:
        raise CampaignBroken("store: set the sender's address first (Settings)")
    if not store.postal_address and definition.mail_class != "transactional":
        raise CampaignBroken("store: set the postal address first (Settings); the law wants it in every mail")


def _check_rules(scope: Scope, definition: Definition, now: datetime) -> None:
    rules = {"audience": definition.audience}
    rules |= {f"exits.{number}": found.rule for number, found in enumerate(definition.exits)}
    if definition.goal is not None:
        rules["goal"] = definition.goal.rule
    for where, rule in rules.items():
        try:
            predicate(language.read(rule), now, scope, entry=None if where == "audience" else literal(now))
        except RuleBroken as error:
            raise CampaignBroken(f"{where}: {error}") from error


def _check_flow(app: App, definition: Definition) -> None:
    nodes = list(campaigns.walk(definition.flow))
    if not any(app.steps[node.kind].acts for node in nodes):
        raise CampaignBroken("flow: the campaign sends no mail and does nothing else yet")
    if definition.mail_class == "transactional" and definition.holdout_percent:
        raise CampaignBroken("holdout_percent: nobody may be held out from transactional mails")
    jumps, waits = {}, set()
    for node in nodes:
        step = app.steps[node.kind]
        target = step.goes_to(step.Settings.model_validate(node.settings))
        if target is not None:
            jumps[node.id] = target
        if step.waits:
            waits.add(node.id)
    circle = campaigns.circles(definition.flow, jumps, frozenset(waits))
    if circle is not None:
        raise CampaignBroken(f"step {circle}: the flow goes round in a circle here without any wait in it")


def _fixed(app: App, node: StepNode, around: Publishing) -> StepNode:
    step = app.steps[node.kind]
    here = replace(around, step_id=node.id)
    try:
        settings: StepSettings = step.at_publish(step.Settings.model_validate(node.settings), here)
    except CampaignBroken as error:
        raise CampaignBroken(f"step {node.id}: {error}") from error
    branches = {name: [_fixed(app, inner, around) for inner in nodes] for name, nodes in node.branches.items()}
    return node.model_copy(
        update={"settings": settings.model_dump(mode="json", by_alias=True, exclude_unset=True), "branches": branches}
    )
