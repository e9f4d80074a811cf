"""What a campaign is made of: the definition that is edited as a draft and frozen as a version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation.errors import CampaignBroken

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]


class TriggerChoice(BaseModel):
    """Which kind of trigger, and its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Word
    settings: dict[str, Any] = Field(default_factory=dict)


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
    cooldown_days: float = Field(0, ge=0, le=3650, description="Nobody enters again within this span.")
    flow: list[StepNode] = Field(default_factory=list)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Definition:
        ids = [node.id for node in walk(self.flow)]
        twice = {i for i in ids if ids.count(i) > 1}
        if twice:
            raise ValueError(f"step ids must be unique; used twice: {', '.join(sorted(twice))}")
        return self


def walk(flow: list[StepNode]) -> Iterator[StepNode]:
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
