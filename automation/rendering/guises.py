"""Another subject or sender's name than the mail's own, where a campaign's step says so: for A/B tests above all.

They stand in the campaign's version, which never changes, and travel in a message's envelope from its first rendering
on. So the mail can be made again from what is stored, like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import CampaignVersion, Message
from automation.rendering import syntax

_KEPT = 500


class Guise(NamedTuple):
    """What a mail step puts in place of the mail's and the store's own; empty for nothing."""

    subject: str
    sender_name: str

    @property
    def names(self) -> frozenset[str]:
        """The names that its subject uses. Raises TemplateBroken; publishing has made sure that it does not."""
        return syntax.check(self.subject, "subject") if self.subject else frozenset()


PLAIN = Guise("", "")
Guises = Mapping[str, Guise]
"""Those of a version, by the step; steps without one are not there."""


def guises(app: App, session: Session, messages: Iterable[Message]) -> Mapping[int, Guises]:
    """The guises of the versions that messages come from, with at most one statement; read once and kept."""
    kept = app.renderer.guises
    wanted = {m.version_id for m in messages if m.version_id}
    missing = sorted(wanted - kept.keys())
    if not missing:
        return kept
    rows = session.execute(
        select(CampaignVersion.id, CampaignVersion.definition).where(CampaignVersion.id.in_(missing))
    )
    # A copy, so that other threads never see it change under them; those wanted now are always in it.
    found = {row.id: _of(row.definition) for row in rows}
    app.renderer.guises = dict(list({**kept, **found}.items())[-_KEPT:])
    return {**kept, **found}


def _of(definition: Any) -> Guises:
    found = {}
    for node in _nodes(definition.get("flow", ())):
        settings = node.get("settings", {})
        guise = Guise(settings.get("subject") or "", settings.get("sender_name") or "")
        if node["kind"] == "mail" and guise != PLAIN:
            found[node["id"]] = guise
    return found


def _nodes(flow: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in flow:
        yield node
        for branch in (node.get("branches") or {}).values():
            yield from _nodes(branch)
