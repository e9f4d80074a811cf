"""Changes to a flow, each a new tree: put in, take out, move, duplicate. Nothing here touches the database.

A spot is where steps are put: `start`, `after:<step>`, or `in:<step>:<branch>` for the beginning of a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from automation import campaigns
from automation.app import App
from automation.campaigns import Definition, StepNode
from automation.errors import NotAllowed

Steps = list[StepNode]


def placed(flow: Sequence[StepNode], nodes: Sequence[StepNode], spot: str) -> Steps:
    """The flow with steps put at a spot. Raises NotAllowed for a spot that does not exist (any more)."""
    where, _, rest = spot.partition(":")
    if spot == "start":
        return [*nodes, *flow]
    if where == "after" and rest:
        found = campaigns.inserted(flow, nodes, rest)
        if found is not None:
            return found
    step_id, _, branch = rest.partition(":")
    if where == "in" and branch and any(node.id == step_id for node in campaigns.walk(flow)):
        return _each(flow, lambda node: _begun(node, branch, nodes) if node.id == step_id else node)
    raise NotAllowed("That place in the flow is gone; somebody changed it meanwhile.")


def _begun(node: StepNode, branch: str, nodes: Sequence[StepNode]) -> StepNode:
    branches = {**node.branches, branch: [*nodes, *node.branches.get(branch, [])]}
    return node.model_copy(update={"branches": branches})


def new_step(flow: Sequence[StepNode], kind: str) -> StepNode:
    """A step of a kind as it comes, under an id that is not taken."""
    taken = {node.id for node in campaigns.walk(flow)}
    bare = StepNode(id=kind, kind=kind)
    return bare.model_copy(update={"id": campaigns.new_ids([bare], taken)[kind]})


def without(flow: Sequence[StepNode], step_id: str) -> Steps:
    """The flow without a step and all that hangs below it."""
    return _lists(flow, lambda nodes: [node for node in nodes if node.id != step_id])


def moved(flow: Sequence[StepNode], step_id: str, way: Literal["up", "down"]) -> Steps:
    """The flow with a step, and what hangs below it, changed with its neighbour; at an end it stays."""

    def swap(nodes: Steps) -> Steps:
        at = next((number for number, node in enumerate(nodes) if node.id == step_id), None)
        to = None if at is None else at + (1 if way == "down" else -1)
        if at is None or to is None or not 0 <= to < len(nodes):
            return nodes
        nodes = list(nodes)
        nodes[at], nodes[to] = nodes[to], nodes[at]
        return nodes

    return _lists(flow, swap)


def copies(app: App, definition: Definition, chosen: Sequence[StepNode]) -> tuple[Steps, Mapping[str, str]]:
    """Steps, with what hangs below them, under ids that a definition does not use yet; and the new ids by the old."""
    names = campaigns.new_ids(chosen, {node.id for node in campaigns.walk(definition.flow)})
    return [_renamed(app, node, names) for node in chosen], names


def _renamed(app: App, node: StepNode, names: Mapping[str, str]) -> StepNode:
    kind = app.steps[node.kind]
    settings = kind.renamed(kind.Settings.model_validate(node.settings), names)
    branches = {name: [_renamed(app, inner, names) for inner in nodes] for name, nodes in node.branches.items()}
    kept: dict[str, Any] = settings.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude={"template_version_id"}
    )
    return node.model_copy(update={"id": names[node.id], "settings": kept, "branches": branches})


def _each(flow: Sequence[StepNode], change: Callable[[StepNode], StepNode]) -> Steps:
    """The flow with each step changed, the inner ones first."""
    return [
        change(
            node.model_copy(update={"branches": {name: _each(inner, change) for name, inner in node.branches.items()}})
        )
        for node in flow
    ]


def _lists(flow: Sequence[StepNode], change: Callable[[Steps], Steps]) -> Steps:
    """The flow with each run of steps changed: the flow's own, and that of every branch."""
    return [
        node.model_copy(update={"branches": {name: _lists(inner, change) for name, inner in node.branches.items()}})
        for node in change(list(flow))
    ]
