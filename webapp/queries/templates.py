"""Mails: the list with where each is used, one mail with its versions, and the blocks that were kept."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.actions.mail_desk import used_by
from automation.editing.richtext import plain
from automation.models import Admin, Campaign, CampaignVersion, SavedBlock, Template, TemplateVersion

VERSIONS = 100
"""How many versions a page lists."""


@dataclass(frozen=True, slots=True)
class Use:
    """A campaign that sends a mail."""

    public_id: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A line of the list."""

    public_id: str
    name: str
    title: str
    subject: str
    number: int
    warnings: int
    changed_at: datetime
    by: str
    """Who wrote the newest version; nothing for one that came with Cartwheel."""
    uses: list[Use]


def templates(session: Session, store_id: int, *, are_archived: bool) -> list[TemplateRow]:
    """The store's mails by title; two statements."""
    found = session.execute(
        select(
            Template.public_id,
            Template.name,
            Template.title,
            Template.updated_at,
            TemplateVersion.subject,
            TemplateVersion.number,
            TemplateVersion.warnings,
            func.coalesce(func.nullif(Admin.name, ""), Admin.email, "").label("by"),
        )
        .outerjoin(TemplateVersion, TemplateVersion.id == Template.latest_version_id)
        .outerjoin(Admin, Admin.id == TemplateVersion.created_by)
        .where(
            Template.store_id == store_id,
            Template.archived_at.is_not(None) if are_archived else Template.archived_at.is_(None),
        )
        .order_by(Template.title, Template.id)
    ).all()
    used = uses(session, store_id)
    return [
        TemplateRow(
            public_id=row.public_id,
            name=row.name,
            title=row.title,
            subject=plain(row.subject or ""),
            number=row.number or 0,
            warnings=len(row.warnings or []),
            changed_at=row.updated_at,
            by=row.by,
            uses=used.get(row.name, []),
        )
        for row in found
    ]


def uses(session: Session, store_id: int) -> dict[str, list[Use]]:
    """The campaigns that send each mail, by the mail's name; archived ones left out. One statement."""
    rows = session.execute(
        select(Campaign.public_id, Campaign.name, Campaign.state, Campaign.draft, CampaignVersion.definition)
        .outerjoin(CampaignVersion, CampaignVersion.id == Campaign.live_version_id)
        .where(Campaign.store_id == store_id, Campaign.state != "archived")
        .order_by(Campaign.name)
    )
    found: dict[str, list[Use]] = defaultdict(list)
    for row in rows:
        for name in {*used_by(row.draft), *used_by(row.definition or {})}:
            found[name].append(Use(row.public_id, row.name, row.state))
    return dict(found)


def one(session: Session, store_id: int, public_id: str) -> Template | None:
    """A mail of the store."""
    return session.scalars(
        select(Template).where(Template.store_id == store_id, Template.public_id == public_id)
    ).first()


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version in a list."""

    id: int
    number: int
    subject: str
    created_at: datetime
    by: str


def versions(session: Session, template_id: int) -> list[VersionRow]:
    """A mail's versions, the newest first."""
    found = session.execute(
        select(
            TemplateVersion.id,
            TemplateVersion.number,
            TemplateVersion.subject,
            TemplateVersion.created_at,
            func.coalesce(func.nullif(Admin.name, ""), Admin.email, "").label("by"),
        )
        .outerjoin(Admin, Admin.id == TemplateVersion.created_by)
        .where(TemplateVersion.template_id == template_id)
        .order_by(TemplateVersion.number.desc())
        .limit(VERSIONS)
    )
    return [VersionRow(*row) for row in found]


def version(session: Session, template_id: int, number: int) -> TemplateVersion | None:
    """One version."""
    return session.scalars(
        select(TemplateVersion).where(TemplateVersion.template_id == template_id, TemplateVersion.number == number)
    ).first()


def saved_blocks(session: Session, store_id: int) -> list[SavedBlock]:
    """The blocks that were kept, by name."""
    return list(
        session.scalars(select(SavedBlock).where(SavedBlock.store_id == store_id).order_by(SavedBlock.name)).all()
    )
