"""What a campaign is made of: the definition that is edited as a draft and frozen as a version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation.errors import CampaignBroken, RuleBroken
from automation.rules import language
from automation.rules.language import Filter, Happened, Rule

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]


class TriggerChoice(BaseModel):
    """Which kind of trigger, and its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Word
    settings: dict[str, Any] = Field(default_factory=dict)


class ExitRule(BaseModel):
    """For whom a rule holds before a step, leaves instead of taking it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: dict[str, Any]
    reason: str = Field("", max_length=150, description="Shown on the customer's page; empty for the rule itself.")

    @model_validator(mode="after")
    def _reads(self) -> ExitRule:
        readable(self.rule)
        return self


class Goal(BaseModel):
    """What the campaign is for: an event after the entry, or a rule that comes to hold. Reaching it ends the way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: str | None = Field(None, min_length=1, max_length=128, description="What has to happen: order.placed.")
    where: tuple[Filter, ...] = Field((), max_length=language.MAX_FILTERS)
    rule: dict[str, Any] | None = None
    within_days: float = Field(7, gt=0, le=365, description="Counts only this long after the entry.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Goal:
        if (self.event is None) == (self.rule is None):
            raise ValueError("a goal is either an event or a rule")
        if self.rule is not None:
            readable(self.rule)
        if self.event is not None:
            Happened.model_validate({"event": self.event, "where": list(self.where)})
        return self

    @property
    def within(self) -> timedelta:
        return timedelta(days=self.within_days)


def readable(rule: dict[str, Any]) -> Rule:
    """A rule inside a definition. Raises ValueError, as pydantic's validators do, for one that cannot be read."""
    try:
        return language.read(rule)
    except RuleBroken as error:
        raise ValueError(str(error)) from error


class StepNode(BaseModel):
    """One step of the flow; what hangs below it, by branch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Word
    kind: Word
    settings: dict[str, Any] = Field(default_factory=dict)
    branches: dict[str, list[StepNode]] = Field(default_factory=dict)


class Definition(BaseModel):
    """A campaign's trigger, audience, rules of sending and flow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trigger: TriggerChoice
    audience: dict[str, Any] | None = Field(None, description="A rule; None is everybody.")
    mail_class: Literal["transactional", "reminder", "lifecycle", "promotional"] = "lifecycle"
    priority: int = Field(50, ge=0, le=100)
    topic: Word = "marketing"
    entry: Literal["each", "once"] = Field(
        "each", description="For each occurrence (a cart, a birthday), or once and never again."
    )
    cooldown_days: float = Field(0, ge=0, le=3650, description="Nobody enters again within this span.")
    holdout_percent: float = Field(
        0, ge=0, le=50, description="Of those who are due, this part is never mailed, to be compared with the others."
    )
    goal: Goal | None = None
    exits: list[ExitRule] = Field(default_factory=list, max_length=10)
    flow: list[StepNode] = Field(default_factory=list)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Definition:
        ids = [node.id for node in walk(self.flow)]
        twice = {i for i in ids if ids.count(i) > 1}
        if twice:
            raise ValueError(f"step ids must be unique; used twice: {', '.join(sorted(twice))}")
        return self


def walk(flow: Sequence[StepNode]) -> Iterator[StepNode]:
    """Every step of a flow, in the order a reader meets them."""
    for node in flow:
        yield node
        for branch in node.branches.values():
            yield from walk(branch)


def read(value: Any) -> Definition:
    """Parse a definition's JSON. Raises CampaignBroken saying what is wrong and where."""
    try:
        return Definition.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CampaignBroken(f"{where or 'definition'}: {first['msg'].removeprefix('Value error, ')}") from error


@lru_cache(maxsize=1024)
def _read_json(written: bytes) -> Definition:
    return read(orjson.loads(written))


def read_published(value: Any) -> Definition:
    """As `read()`, for what never changes: parsed once per process, which each sweep would otherwise do anew."""
    return _read_json(orjson.dumps(value))


def new_ids(nodes: Sequence[StepNode], taken: set[str]) -> dict[str, str]:
    """For each of some steps, and those below them, an id that is not taken: the kind and a number."""
    names: dict[str, str] = {}
    used = set(taken)
    for node in walk(nodes):
        stem = re.sub(r"_\d+$", "", node.id)[:58]
        number = 1
        while f"{stem}_{number}" in used:
            number += 1
        names[node.id] = f"{stem}_{number}"
        used.add(names[node.id])
    return names


def inserted(flow: Sequence[StepNode], nodes: Sequence[StepNode], after: str | None) -> list[StepNode] | None:
    """The flow with steps put behind one of its steps, or at its end; None where there is no such step."""
    if after is None:
        return [*flow, *nodes]
    result: list[StepNode] = []
    is_found = False
    for node in flow:
        branches = {}
        for name, inner in node.branches.items():
            changed = inserted(inner, nodes, after)
            is_found = is_found or changed is not None
            branches[name] = inner if changed is None else changed
        result.append(node.model_copy(update={"branches": branches}))
        if node.id == after:
            result += nodes
            is_found = True
    return result if is_found else None


def circles(flow: Sequence[StepNode], jumps: dict[str, str], waits: frozenset[str]) -> str | None:
    """A go-to step from which a customer could come back to it without any time passing; None where there is none.

    `jumps` is where each go-to step leads, `waits` are the ids of the steps at which time passes.
    """
    order = following(list(flow))
    nodes = {node.id: node for node in walk(list(flow))}

    def onward(step_id: str) -> list[str | None]:
        inside = [branch[0].id for branch in nodes[step_id].branches.values() if branch]
        return [*inside, order[step_id], jumps.get(step_id)]

    for start, target in jumps.items():
        seen: set[str] = set()
        ahead: list[str | None] = [target]
        while ahead:
            step_id = ahead.pop()
            if step_id == start:
                return start
            if step_id is None or step_id in seen or step_id in waits or step_id not in nodes:
                continue
            seen.add(step_id)
            ahead += onward(step_id)
    return None


def following(flow: list[StepNode]) -> dict[str | None, str | None]:
    """For each step id the one that is next when it does not branch; None → the first, and → None at the end.

    The last step of a branch goes on to what follows the step that branched.
    """
    order: dict[str | None, str | None] = {None: flow[0].id if flow else None}

    def link(nodes: list[StepNode], after: str | None) -> None:
        for index, node in enumerate(nodes):
            order[node.id] = nodes[index + 1].id if index + 1 < len(nodes) else after
            for branch in node.branches.values():
                link(branch, order[node.id])

    link(flow, None)
    return order
