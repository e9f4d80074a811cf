"""What a person does with mails: make, copy, rename, put away, go back to an older version; and the store's brand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.actions.stores import Line
from automation.actions.templates import parts, save_version, source_of
from automation.app import App
from automation.blocks import footer, heading, text
from automation.editing.tree import read
from automation.errors import NotAllowed
from automation.models import SavedBlock, Store, Template, TemplateVersion
from automation.rendering.includes import resolve
from automation.rendering.mail import MailSource
from automation.security import random_id

MAX_TITLE = 200
_COLOUR = r"^(#[0-9a-fA-F]{6})?$"
_FONT = r"^[\w ,\-]*$"


class Brand(BaseModel):
    """How the store's mails look. What is empty keeps the colours and fonts that the mails come with."""

    accent: Annotated[Line, Field(pattern=_COLOUR)] = Field("", title="Main colour", description="Such as #20504a.")
    accent_text: Annotated[Line, Field(pattern=_COLOUR)] = Field(
        "", title="Text on it", description="Must be easy to read on the main colour."
    )
    background: Annotated[Line, Field(pattern=_COLOUR)] = Field("", title="Page", description="Around the mail.")
    font: Annotated[Line, Field(max_length=200, pattern=_FONT)] = Field(
        "", description="Names, the next for where the first is missing: Helvetica, Arial, sans-serif"
    )
    heading_font: Annotated[Line, Field(max_length=200, pattern=_FONT)] = Field("", title="Font of headings")
    logo_url: Annotated[Line, Field(max_length=499, pattern=r"^(https://\S+)?$")] = Field(
        "", title="Logo", description="Its address: https://… The store's name stands where there is none."
    )


def save_brand(session: Session, store_id: int, brand: Brand, now: datetime, admin_id: int | None = None) -> None:
    """Store the brand; what other places keep in it stays. Mails that leave from now on show it."""
    store = session.get_one(Store, store_id)
    kept = {name: value for name, value in store.brand.items() if name not in Brand.model_fields}
    store.brand = kept | {name: value for name, value in brand.model_dump().items() if value}
    audit.note(session, admin_id, "brand.changed", store.public_id, now)


def empty_source() -> MailSource:
    """A mail with a heading, a text and the footer that every mail must have."""

    def indented(mjml: str, by: int) -> str:
        return mjml.replace("\n", "\n" + " " * by)

    body = f"""<mjml>
  <mj-head>
    <mj-preview>What the inbox shows behind the subject.</mj-preview>
  </mj-head>
  <mj-body background-color="{{{{ store.brand.background|default("#f4f1ec", true) }}}}" width="600px">
    <mj-section background-color="#ffffff" padding="32px 0">
      <mj-column>
        {indented(heading.HeadingBlock().mjml(), 8)}
        {indented(text.TextBlock().mjml(), 8)}
      </mj-column>
    </mj-section>
    {indented(footer.FooterBlock().mjml(), 4)}
  </mj-body>
</mjml>
"""
    return MailSource(subject="News from {{ store.name }}", mjml=body)


def source_to_edit(version: TemplateVersion) -> MailSource:
    """A version as it was written; shipped parts can be included in it."""
    return MailSource(subject=version.subject, mjml=version.mjml, includes=parts())


def create(
    app: App, session: Session, store: Store, title: str, start: str, now: datetime, admin_id: int | None = None
) -> Template:
    """A new mail from one that comes with Cartwheel, or from an empty one for "". Raises NotAllowed, TemplateBroken."""
    if start:
        shipped = source_of(start)
        source = MailSource(subject=shipped.subject, mjml=resolve(shipped.mjml, shipped.includes))
    else:
        source = empty_source()
    row = _new(session, store.id, title, now)
    save_version(app, session, row, source, now, admin_id)
    audit.note(session, admin_id, "template.created", row.public_id, now)
    return row


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not title or len(title) > MAX_TITLE:
        raise NotAllowed(f"A mail needs a name of at most {MAX_TITLE} letters.")
    return title


def _new(session: Session, store_id: int, title: str, now: datetime) -> Template:
    title = _title(title)
    stem = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:50] or "mail"
    taken = set(
        session.scalars(select(Template.name).where(Template.store_id == store_id, Template.name.startswith(stem)))
    )
    name, number = stem, 1
    # A name of a mail that comes with Cartwheel belongs to that one: a recipe would take ours for it.
    while name in taken or (name == stem and _is_shipped(name)):
        number += 1
        name = f"{stem}_{number}"
    row = Template(public_id=random_id(), store_id=store_id, name=name, title=title, created_at=now, updated_at=now)
    session.add(row)
    session.flush()
    return row


def _is_shipped(name: str) -> bool:
    try:
        source_of(name)
    except NotAllowed:
        return False
    return True


def duplicate(app: App, session: Session, template: Template, now: datetime, admin_id: int | None = None) -> Template:
    """A copy of a mail's newest version under a name of its own."""
    version = latest(session, template)
    row = _new(session, template.store_id, f"{template.title[: MAX_TITLE - 8]} (copy)", now)
    save_version(app, session, row, source_to_edit(version), now, admin_id)
    audit.note(session, admin_id, "template.duplicated", row.public_id, now, of=template.name)
    return row


def latest(session: Session, template: Template) -> TemplateVersion:
    """A mail's newest version. Raises NotAllowed for a mail without any."""
    version = session.get(TemplateVersion, template.latest_version_id) if template.latest_version_id else None
    if version is None:
        raise NotAllowed("This mail has no version yet.")
    return version


def save(
    app: App, session: Session, template: Template, source: MailSource, base: int, now: datetime, admin_id: int | None
) -> TemplateVersion:
    """Make a source the newest version, when `base` still is. Raises NotAllowed when it is not, TemplateBroken."""
    newest = latest(session, template)
    number = newest.number
    if base != number:
        raise NotAllowed(f"Somebody saved version {number} meanwhile. Copy what you wrote, then open the page anew.")
    if (source.subject, source.mjml) == (newest.subject, newest.mjml.replace("\r\n", "\n")):
        # A browser turns the ends of lines into its own; that alone is no change.
        return newest
    made = save_version(app, session, template, source, now, admin_id)
    if made.number != number:
        audit.note(session, admin_id, "template.saved", template.public_id, now, number=made.number)
    return made


def rename(session: Session, template: Template, title: str, now: datetime, admin_id: int | None = None) -> None:
    """Call a mail something else; campaigns know it by its name, which stays."""
    title = _title(title)
    if title != template.title:
        template.title = title
        audit.note(session, admin_id, "template.renamed", template.public_id, now)


def set_archived(
    session: Session, template: Template, now: datetime, admin_id: int | None = None, *, is_archived: bool
) -> None:
    """Put a mail away, or take it back. Campaigns that send it go on."""
    template.archived_at = now if is_archived else None
    what = "template.archived" if is_archived else "template.restored"
    audit.note(session, admin_id, what, template.public_id, now)


def restore(
    app: App, session: Session, template: Template, number: int, now: datetime, admin_id: int | None = None
) -> TemplateVersion:
    """Make an older version the newest again, as a new one. Raises NotAllowed when there is no such version."""
    wanted = select(TemplateVersion).where(TemplateVersion.template_id == template.id, TemplateVersion.number == number)
    found = session.scalars(wanted).first()
    if found is None:
        raise NotAllowed("There is no such version.")
    made = save_version(app, session, template, source_to_edit(found), now, admin_id)
    audit.note(session, admin_id, "template.version_restored", template.public_id, now, number=number)
    return made


def used_by(definition: Mapping[str, Any]) -> Iterator[str]:
    """The names of the mails that a campaign's definition sends, read from its JSON as it is."""
    waiting = list(definition.get("flow") or [])
    while waiting:
        node = waiting.pop()
        if node.get("kind") == "mail" and node.get("settings", {}).get("template"):
            yield node["settings"]["template"]
        waiting += [inner for branch in (node.get("branches") or {}).values() for inner in branch]


def keep_block(
    session: Session, store_id: int, name: str, mjml: str, now: datetime, admin_id: int | None = None
) -> SavedBlock:
    """Keep a piece of a mail for others; one of the same name is replaced. Raises NotAllowed, TemplateBroken."""
    name = _title(name)
    if not read(f"<mjml><mj-body>{mjml}</mj-body></mjml>").nodes:
        raise NotAllowed("There is no block in it.")
    row = session.scalars(select(SavedBlock).where(SavedBlock.store_id == store_id, SavedBlock.name == name)).first()
    if row is None:
        row = SavedBlock(public_id=random_id(), store_id=store_id, name=name, created_at=now, created_by=admin_id)
        session.add(row)
    row.mjml = mjml
    session.flush()
    audit.note(session, admin_id, "block.kept", row.public_id, now)
    return row


def forget_block(session: Session, row: SavedBlock, now: datetime, admin_id: int | None = None) -> None:
    """Drop a kept block; mails that were made with it stay as they are."""
    audit.note(session, admin_id, "block.forgotten", row.public_id, now)
    session.delete(row)
