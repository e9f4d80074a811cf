"""Writing out what a store has, and that somebody did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from automation import audit
from automation.app import App
from automation.exporting import export
from automation.exporting.writing import Format


def take_out(
    app: App, store_id: int, dataset: str, form: Format, now: datetime, admin_id: int | None
) -> Iterator[bytes]:
    """A data set, piece by piece; who took it stands in the audit log. Raises NotAllowed for one that there is not."""
    pieces = export(app, store_id, dataset, form, now)
    with app.db.write() as session:
        audit.note(session, admin_id, "data.exported", dataset, now, format=form)
    return pieces
