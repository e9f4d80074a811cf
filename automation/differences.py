"""Whether a campaign's draft says something else than what is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from automation.app import App
from automation.campaigns import StepNode, read
from automation.errors import CampaignBroken


def differs(app: App, draft: Any, live: dict[str, Any] | None) -> bool:
    """Whether publishing the draft would change something; False while nothing is live.

    Publishing fixes what was left open (the version of each mail, "now"): that is no change.
    """
    if live is None:
        return False
    try:
        ours, theirs = _settled(app, draft), _settled(app, live)
    except CampaignBroken:
        return bool(draft != live)
    opened = {name for name, value in ours["trigger"]["settings"].items() if value is None}
    for name in opened:
        theirs["trigger"]["settings"].pop(name, None)
        ours["trigger"]["settings"].pop(name)
    return ours != theirs


def _settled(app: App, definition: Any) -> dict[str, Any]:
    read_ = read(definition)
    trigger = app.triggers.get(read_.trigger.kind)
    settled = read_.model_dump(mode="json")
    settled["trigger"]["settings"] = _filled(trigger.Settings if trigger else None, read_.trigger.settings)
    settled["flow"] = [_node(app, node) for node in read_.flow]
    return settled


def _node(app: App, node: StepNode) -> dict[str, Any]:
    kind = app.steps.get(node.kind)
    settings = _filled(kind.Settings if kind else None, node.settings)
    settings.pop("template_version_id", None)
    branches = {name: [_node(app, n) for n in nodes] for name, nodes in node.branches.items() if nodes}
    return {"id": node.id, "kind": node.kind, "settings": settings, "branches": branches}


def _filled(model: type[BaseModel] | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with defaults filled in, so that leaving one out equals choosing its default."""
    if model is None:
        return dict(settings)
    try:
        return model.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return dict(settings)
