"""Mails: save a new version, install the ones that come with Cartwheel, look at one with sample data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.models import Store, Template, TemplateVersion
from automation.rendering.compose import context
from automation.rendering.includes import resolve
from automation.rendering.links import addresses
from automation.rendering.mail import Compiled, MailSource, Rendered
from automation.rendering.versions import compiled_of
from automation.security import random_id

FOLDER = Path(__file__).parents[2] / "templates"
"""The mails that come with Cartwheel; beside the packages both in a checkout and where a wheel was installed."""


def built_in() -> list[str]:
    """Names of the mails that come with Cartwheel."""
    return sorted(p.parent.name for p in FOLDER.glob("*/body.mjml"))


def source_of(name: str) -> MailSource:
    """A mail that comes with Cartwheel, as it is written. Raises NotAllowed when there is none of that name."""
    if name not in built_in():
        raise NotAllowed(f"No mail called {name} comes with Cartwheel.")
    return MailSource(
        subject=(FOLDER / name / "subject.txt").read_text("utf-8").strip(),
        mjml=(FOLDER / name / "body.mjml").read_text("utf-8"),
        includes=parts(),
    )


def parts() -> dict[str, str]:
    """What <mj-include> may name in every mail, by path."""
    files = [FOLDER / "layout.mjml", *sorted(FOLDER.glob("parts/*.mjml"))]
    return {f.relative_to(FOLDER).as_posix(): f.read_text("utf-8") for f in files}


def sample(name: str) -> dict[str, Any]:
    """Variables to look at a mail with; for a mail of the store's own, those of all built-in mails together."""
    names = [name] if name in built_in() else built_in()
    found: dict[str, Any] = {}
    for each in names:
        found |= orjson.loads((FOLDER / each / "sample.json").read_bytes())
    return found


def save_version(
    app: App, session: Session, template: Template, source: MailSource, now: datetime, admin_id: int | None = None
) -> TemplateVersion:
    """Compile a source and make it the template's newest version; the one it has, when nothing was changed.

    Raises TemplateBroken, with part and line, and changes nothing then.
    """
    latest = session.get(TemplateVersion, template.latest_version_id) if template.latest_version_id else None
    if latest is not None and _is_same(latest, source):
        return latest
    version = _compiled(app, template, source, _numbers(session, [template])[template.id] + 1, now, admin_id)
    _keep(session, [(template, version)], now)
    return version


def _compiled(
    app: App, template: Template, source: MailSource, number: int, now: datetime, admin_id: int | None
) -> TemplateVersion:
    compiled = app.renderer.compile(source)
    return TemplateVersion(
        template_id=template.id,
        number=number,
        subject=compiled.subject,
        mjml=compiled.mjml,
        html=compiled.html,
        text=compiled.text,
        preheader=compiled.preheader,
        links=[asdict(link) for link in compiled.links],
        names=list(compiled.names),
        warnings=list(compiled.warnings),
        created_at=now,
        created_by=admin_id,
    )


def _numbers(session: Session, templates: Sequence[Template]) -> dict[int, int]:
    """The number of each template's newest version; 0 where there is none."""
    newest = (
        select(TemplateVersion.template_id, func.max(TemplateVersion.number))
        .where(TemplateVersion.template_id.in_([template.id for template in templates]))
        .group_by(TemplateVersion.template_id)
    )
    return dict.fromkeys((template.id for template in templates), 0) | {
        row[0]: row[1] for row in session.execute(newest)
    }


def _keep(session: Session, made: Sequence[tuple[Template, TemplateVersion]], now: datetime) -> None:
    session.add_all(version for _, version in made)
    session.flush()
    for template, version in made:
        template.latest_version_id = version.id
        template.updated_at = now
    session.flush()


def _is_same(version: TemplateVersion, source: MailSource) -> bool:
    is_same_text = source.text is None or source.text == version.text
    try:
        resolved = resolve(source.mjml, source.includes)
    except TemplateBroken:
        return False
    return is_same_text and (version.subject, version.mjml) == (source.subject.strip(), resolved)


def install(
    app: App, session: Session, store: Store, now: datetime, *, only: Collection[str] | None = None
) -> dict[str, Template]:
    """Give a store the mails that come with Cartwheel, or some of them; only a changed source makes a new version.

    A mail that an admin has edited is left as it is.
    """
    names = [name for name in built_in() if only is None or name in only]
    found = {
        t.name: t for t in session.scalars(select(Template).where(Template.store_id == store.id)) if t.name in names
    }
    new = [
        Template(
            public_id=random_id(),
            store_id=store.id,
            name=name,
            title=name.replace("_", " ").capitalize(),
            created_at=now,
            updated_at=now,
        )
        for name in names
        if name not in found
    ]
    session.add_all(new)
    session.flush()
    found |= {template.name: template for template in new}
    latest = _latest(session, list(found.values()))
    numbers = _numbers(session, list(found.values()))
    made = []
    for name in names:
        template, source = found[name], source_of(name)
        version = latest.get(template.id)
        if version is None or (version.created_by is None and not _is_same(version, source)):
            made.append((template, _compiled(app, template, source, numbers[template.id] + 1, now, None)))
    _keep(session, made, now)
    return found


def _latest(session: Session, templates: Sequence[Template]) -> dict[int, TemplateVersion]:
    ids = [template.latest_version_id for template in templates if template.latest_version_id]
    rows = session.scalars(select(TemplateVersion).where(TemplateVersion.id.in_(ids)))
    return {version.template_id: version for version in rows}


def preview(app: App, source: MailSource | TemplateVersion, variables: Mapping[str, Any]) -> Rendered:
    """A mail with sample variables, rendered by what renders the real ones. Its links lead nowhere.

    Raises TemplateBroken, with part and line of the source where they are known: also for a name that is not there.
    """
    compiled = compiled_of(source) if isinstance(source, TemplateVersion) else app.renderer.compile(source)
    links = addresses(app.settings.public_url, "preview")
    found = app.renderer.render(_key(compiled), compiled, [context(variables, links)], is_strict=True)[0]
    if isinstance(found, TemplateBroken):
        raise found
    return found


def _key(compiled: Compiled) -> str:
    return f"preview {hash((compiled.subject, compiled.html, compiled.text))}"
