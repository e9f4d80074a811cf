"""Template versions as the renderer takes them: read once, kept, since they never change."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import TemplateVersion
from automation.rendering.mail import Compiled, Link

_KEPT = 500


def compiled_of(row: TemplateVersion) -> Compiled:
    """A stored version as it was compiled."""
    return Compiled(
        subject=row.subject,
        mjml=row.mjml,
        html=row.html,
        text=row.text,
        preheader=row.preheader,
        links=tuple(Link(**link) for link in row.links),
        names=tuple(row.names),
        warnings=tuple(row.warnings),
    )


def versions(app: App, session: Session, ids: Iterable[int]) -> dict[int, Compiled]:
    """Versions by id, with at most one statement. An id that does not exist is left out."""
    kept = app.renderer.versions
    wanted = set(ids)
    missing = sorted(wanted - kept.keys())
    found = {i: kept[i] for i in wanted if i in kept}
    if missing:
        for row in session.scalars(select(TemplateVersion).where(TemplateVersion.id.in_(missing))):
            found[row.id] = compiled_of(row)
        # A copy, so that other threads never see it change under them.
        app.renderer.versions = dict(list({**kept, **found}.items())[-_KEPT:])
    return found
