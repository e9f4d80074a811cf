"""Which experiments a store has: holdouts of campaigns, of steps and of the whole store, and A/B tests.

None of them is registered anywhere. What the published versions of a campaign said, and since when, is all there is to
know: a share or a test that a later version changed is another experiment, and the one before it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.arbiter import CAPPED
from automation.models import AuditEntry, Campaign, CampaignVersion, Store
from automation.policy import Policy

Kind = Literal["holdout", "ab_test"]
_OVER = ("finished", "archived")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A comparison that ran, or runs."""

    key: str
    kind: Kind
    title: str
    store_id: int
    started_at: datetime
    ended_at: datetime | None
    """Since when nobody is drawn into it any more."""
    settings: dict[str, Any]
    """Of a holdout: {"percent": …}. Of an A/B test: what its step says."""
    campaign_id: int | None = None
    step_id: str | None = None
    campaign_ids: tuple[int, ...] = ()
    """Of the store's holdout: the campaigns whose mails are held back."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a campaign or a store said from an instant on."""

    at: datetime
    definition: dict[str, Any]


def find(session: Session, store: Store) -> list[Experiment]:
    """All experiments of a store, ended ones too, in the order of their beginning; three statements."""
    campaigns = list(
        session.execute(
            select(Campaign.id, Campaign.public_id, Campaign.name, Campaign.state, Campaign.updated_at).where(
                Campaign.store_id == store.id
            )
        )
    )
    versions = session.execute(
        select(CampaignVersion.campaign_id, CampaignVersion.created_at, CampaignVersion.definition)
        .where(CampaignVersion.campaign_id.in_([row.id for row in campaigns]))
        .order_by(CampaignVersion.campaign_id, CampaignVersion.number)
    )
    said = {
        campaign_id: [_Said(row.created_at, row.definition) for row in rows]
        for campaign_id, rows in groupby(versions, key=lambda row: int(row.campaign_id))
    }
    found: list[Experiment] = []
    for campaign in campaigns:
        if campaign.id in said:
            over_at = campaign.updated_at if campaign.state in _OVER else None
            found += _of_campaign(store.id, campaign, said[campaign.id], over_at)
    capped = tuple(i for i, told in said.items() if told[-1].definition.get("mail_class") in CAPPED)
    if capped:
        found += _of_store(session, store, capped)
    return sorted(found, key=lambda experiment: (experiment.started_at, experiment.key))


def _of_campaign(store_id: int, campaign: Any, said: list[_Said], over_at: datetime | None) -> Iterator[Experiment]:
    for percent, start, end in _runs(said, lambda told: told.get("holdout_percent") or None):
        yield Experiment(
            f"campaign/{campaign.id}/{start:%Y%m%dT%H%M%S}",
            "holdout",
            campaign.name,
            store_id,
            start,
            end or over_at,
            {"percent": percent},
            campaign.id,
        )
    for step_id in {node["id"]: None for told in said for node in _nodes(told.definition.get("flow", ()))}:
        for node, start, end in _runs(said, partial(_drawing, step_id=step_id)):
            yield Experiment(
                f"step/{campaign.id}/{step_id}/{start:%Y%m%dT%H%M%S}",
                "holdout" if node["kind"] == "hold_out" else "ab_test",
                campaign.name,
                store_id,
                start,
                end or over_at,
                node.get("settings", {}),
                campaign.id,
                step_id,
            )


def _of_store(session: Session, store: Store, campaign_ids: tuple[int, ...]) -> Iterator[Experiment]:
    """The store's own holdout, as its sending rules had it; the audit log knows since when."""
    changes = session.execute(
        select(AuditEntry.at, AuditEntry.detail)
        .where(AuditEntry.action == "policy.changed", AuditEntry.object_id == store.public_id)
        .order_by(AuditEntry.id)
    )
    said = [_Said(store.created_at, {}), *(_Said(row.at, row.detail) for row in changes)]
    present = Policy.model_validate(store.policy).holdout_percent
    if (said[-1].definition.get("holdout_percent") or 0) != present:
        # Set without a person: by an import or a recipe, and there since the beginning as far as anybody knows.
        said = [_Said(store.created_at, {"holdout_percent": present})]
    for percent, start, end in _runs(said, lambda told: told.get("holdout_percent") or None):
        yield Experiment(
            f"store/{start:%Y%m%dT%H%M%S}",
            "holdout",
            "All mails together",
            store.id,
            start,
            end,
            {"percent": percent},
            campaign_ids=campaign_ids,
        )


def _runs(
    said: Iterable[_Said], what: Callable[[dict[str, Any]], Any]
) -> Iterator[tuple[Any, datetime, datetime | None]]:
    """Spans within which the same was said: what, since when, until when; spans without anything are left out."""
    found: list[tuple[Any, datetime, datetime | None]] = []
    for told in said:
        value = what(told.definition)
        if found and found[-1][2] is None:
            last, start, _ = found[-1]
            if last == value:
                continue
            found[-1] = (last, start, told.at)
        if value is not None:
            found.append((value, told.at, None))
    yield from found


def _nodes(flow: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in flow:
        yield node
        for branch in (node.get("branches") or {}).values():
            yield from _nodes(branch)


def _drawing(definition: dict[str, Any], step_id: str) -> dict[str, Any] | None:
    """The step of this id, where it is one that compares."""
    for node in _nodes(definition.get("flow", ())):
        if node["id"] == step_id:
            return node if node["kind"] in ("hold_out", "ab_test") else None
    return None
