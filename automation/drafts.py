"""Going back over the changes of a campaign's draft, and forth again.

Two stacks in one table: what was before each change, and what "undo" took away. A new change empties the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.models import Campaign, DraftRevision

KEPT = 50
"""Changes that can be taken back; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How far one can go."""

    back: int
    forth: int


def remember(session: Session, campaign: Campaign, now: datetime) -> None:
    """Keep the draft as it is now, before it changes."""
    session.execute(
        delete(DraftRevision).where(DraftRevision.campaign_id == campaign.id, DraftRevision.is_undone.is_(True))
    )
    _push(session, campaign, now, is_undone=False)
    oldest = (
        select(DraftRevision.id)
        .where(DraftRevision.campaign_id == campaign.id, DraftRevision.is_undone.is_(False))
        .order_by(DraftRevision.id.desc())
        .offset(KEPT)
        .limit(1)
    )
    session.flush()
    last = session.scalar(oldest)
    if last is not None:
        session.execute(delete(DraftRevision).where(DraftRevision.campaign_id == campaign.id, DraftRevision.id <= last))


def undo(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None) -> None:
    """Take the last change of the draft back. Raises NotAllowed where there is none, or the campaign is archived."""
    _swap(session, campaign, now, admin_id, from_undone=False)


def redo(session: Session, campaign: Campaign, now: datetime, admin_id: int | None = None) -> None:
    """Make the change again that was taken back last. Raises NotAllowed as `undo()` does."""
    _swap(session, campaign, now, admin_id, from_undone=True)


def reach(session: Session, campaign_id: int) -> Steps:
    """How many changes can be taken back, and made again; one statement."""
    rows = session.execute(
        select(DraftRevision.is_undone, func.count())
        .where(DraftRevision.campaign_id == campaign_id)
        .group_by(DraftRevision.is_undone)
    )
    counts = {bool(is_undone): count for is_undone, count in rows}
    return Steps(back=counts.get(False, 0), forth=counts.get(True, 0))


def _push(session: Session, campaign: Campaign, now: datetime, *, is_undone: bool) -> None:
    session.add(DraftRevision(campaign_id=campaign.id, definition=campaign.draft, is_undone=is_undone, created_at=now))


def _swap(session: Session, campaign: Campaign, now: datetime, admin_id: int | None, *, from_undone: bool) -> None:
    if campaign.state == "archived":
        raise NotAllowed("An archived campaign cannot be edited.")
    row = session.scalars(
        select(DraftRevision)
        .where(DraftRevision.campaign_id == campaign.id, DraftRevision.is_undone.is_(from_undone))
        .order_by(DraftRevision.id.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NotAllowed("There is nothing to make again." if from_undone else "There is nothing to take back.")
    _push(session, campaign, now, is_undone=not from_undone)
    campaign.draft, campaign.updated_at = row.definition, now
    session.delete(row)
    session.flush()
    audit.note(session, admin_id, "campaign.redone" if from_undone else "campaign.undone", campaign.public_id, now)
