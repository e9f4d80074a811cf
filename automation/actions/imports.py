"""What a person may do with a file: upload it, say what its columns mean, look at it first, take it in, stop it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from automation import audit
from automation.app import App
from automation.connections import connect
from automation.errors import NotAllowed
from automation.exporting import beside
from automation.importing import files, loading
from automation.importing.building import Built, RowRefused
from automation.importing.cells import unguard
from automation.importing.fields import KINDS, guess, is_field, missing
from automation.importing.options import Options
from automation.importing.sheets import Shape, shape_of
from automation.models import Connection, Consent, Import, ImportMapping, ImportRefusal
from automation.security import random_id

CONNECTION = beside.NAME
"""Name of the connection whose ids a file's ids are, where no shop's is chosen."""
_OPEN = ("draft", "checked", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as it would come in."""

    line: int
    cells: list[str]
    refusal: RowRefused | None
    built: tuple[Built, ...] = ()


def upload(
    app: App,
    session: Session,
    *,
    store_id: int,
    kind: str,
    path: Path,
    filename: str,
    now: datetime,
    admin_id: int | None = None,
) -> Import:
    """Keep a file and guess what its columns mean. Nothing is taken in yet.

    Raises NotAllowed for an unknown kind or a file that is too large, Unreadable for one that cannot be read.
    """
    if kind not in KINDS:
        raise NotAllowed(f"Files can hold {', '.join(KINDS)}; not {kind[:40]}.")
    size = path.stat().st_size
    if size > files.MOST:
        raise NotAllowed(f"The file is larger than {files.MOST // 10**9} GB: part it into several.")
    shape = shape_of(path)
    row = Import(
        public_id=random_id(),
        store_id=store_id,
        connection_id=_connection(app, session, store_id, now).id,
        admin_id=admin_id,
        kind=kind,
        filename=Path(filename).name[:200] or "file",
        size=size,
        shape=shape.as_json(),
        mapping=_as_json(guess(KINDS[kind], shape.headers, _newest(session, store_id, kind))),
        options=Options().model_dump(),
        due_at=now,
        created_at=now,
    )
    session.add(row)
    session.flush()
    files.keep(session, row.id, path)
    audit.note(session, admin_id, "import.uploaded", row.public_id, now, kind=kind, size=size)
    return row


def _connection(app: App, session: Session, store_id: int, now: datetime) -> Connection:
    known = session.scalars(
        select(Connection)
        .where(Connection.store_id == store_id, Connection.kind == "api", Connection.name == CONNECTION)
        .order_by(Connection.id)
    ).first()
    return known or connect(
        app, session, store_id=store_id, role="platform", kind="api", name=CONNECTION, settings={}, now=now
    )


def _newest(session: Session, store_id: int, kind: str) -> dict[str, str]:
    saved = session.scalars(
        select(ImportMapping)
        .where(ImportMapping.store_id == store_id, ImportMapping.kind == kind)
        .order_by(ImportMapping.id.desc())
        .limit(1)
    ).first()
    return dict(saved.fields) if saved else {}


def _as_json(mapping: Mapping[int, str]) -> dict[str, Any]:
    return {str(number): field for number, field in sorted(mapping.items()) if field}


def change(
    session: Session,
    row: Import,
    now: datetime,
    *,
    mapping: Mapping[int, str] | None = None,
    options: Options | None = None,
    connection_id: int | None = None,
) -> None:
    """Say otherwise what the columns mean, how to read them, and whose ids theirs are.

    Raises NotAllowed once it has begun, for a field that there is not or that two columns mean.
    """
    _require(row, "draft", "checked")
    if mapping is not None:
        kind = KINDS[row.kind]
        chosen = [field for field in mapping.values() if field]
        unknown = [field for field in chosen if not is_field(kind, field)]
        doubled = sorted({field for field in chosen if chosen.count(field) > 1})
        if unknown or any(not 0 <= number < len(row.shape["headers"]) for number in mapping):
            raise NotAllowed(f"A column cannot mean {', '.join(unknown) or 'that'}.")
        if doubled:
            raise NotAllowed(f"Two columns cannot both mean {', '.join(doubled)}.")
        row.mapping = _as_json(mapping)
    if options is not None:
        row.options = options.model_dump()
    if connection_id is not None:
        found = session.get(Connection, connection_id)
        if found is None or found.store_id != row.store_id or found.role != "platform":
            raise NotAllowed("The ids can be those of one of the store's own shops.")
        row.connection_id = connection_id
    row.state, row.due_at = "draft", now
    _forget(session, row)


def _require(row: Import, *states: str) -> None:
    if row.state not in states:
        raise NotAllowed(f"This import is {row.state}: that is not possible now.")


def _forget(session: Session, row: Import) -> None:
    session.execute(delete(ImportRefusal).where(ImportRefusal.import_id == row.id))
    row.rows_done = row.rows_refused = 0
    row.counts, row.message = {}, ""


def preview(app: App, session: Session, row: Import, most: int = 10) -> list[Shown]:
    """The first rows as they would come in. Raises Unreadable where the file is broken."""
    builder = loading.builder_of(session, row)
    shown = []
    for line, cells in islice(files.rows(app, row), most):
        try:
            shown.append(Shown(line, cells, None, tuple(builder.build(line, cells))))
        except RowRefused as why:
            shown.append(Shown(line, cells, why))
    return shown


def problems(session: Session, row: Import) -> list[str]:
    """What has to be said before the file can be taken in, in sentences."""
    kind, options = KINDS[row.kind], Options.model_validate(row.options)
    lacking = missing(kind, {int(number): field for number, field in row.mapping.items()})
    found = [f"No column means: {words}." for words in lacking]
    if row.kind == "customers" and options.consent == "granted" and not options.evidence.strip():
        found.append("Say where and by which words they agreed: without evidence nobody has.")
    if options.as_recorded and row.kind in ("customers", "consents") and _has_ledger(session, row.store_id):
        found.append("Sources can be kept as recorded only while the store's ledger of consents is empty.")
    return found


def _has_ledger(session: Session, store_id: int) -> bool:
    return session.scalar(select(Consent.id).where(Consent.store_id == store_id).limit(1)) is not None


def check(session: Session, row: Import, now: datetime) -> None:
    """Begin a dry run: every row is built and counted, and nothing changes."""
    _begin(session, row, now, "checking")


def start(session: Session, row: Import, now: datetime, admin_id: int | None = None) -> None:
    """Begin to take the file in; one that failed or was stopped goes on behind its checkpoint.

    Raises NotAllowed while there is something to be said first.
    """
    if row.state in ("failed", "cancelled") and row.began_at is not None:
        row.state, row.message, row.ended_at, row.due_at = "running", "", None, now
        return
    _begin(session, row, now, "running")
    row.began_at = now
    audit.note(session, admin_id, "import.started", row.public_id, now, kind=row.kind)


def _begin(session: Session, row: Import, now: datetime, state: str) -> None:
    _require(row, *_OPEN)
    wrong = problems(session, row)
    if wrong:
        raise NotAllowed(" ".join(wrong))
    _forget(session, row)
    row.state, row.due_at = state, now


def cancel(session: Session, row: Import, now: datetime, admin_id: int | None = None) -> None:
    """Stop after the batch that is under way; what was taken in stays, and it can go on later."""
    _require(row, "checking", "running")
    row.state = "cancelled" if row.state == "running" else "draft"
    row.fence, row.ended_at = row.fence + 1, now
    audit.note(session, admin_id, "import.stopped", row.public_id, now)


def discard(app: App, session: Session, row: Import, now: datetime, admin_id: int | None = None) -> None:
    """Forget a file that is not being taken in, with its refusals."""
    _require(row, *_OPEN, "done")
    files.drop(app, session, row)
    session.delete(row)
    audit.note(session, admin_id, "import.discarded", row.public_id, now)


def save_mapping(session: Session, row: Import, name: str, now: datetime) -> None:
    """Keep what this file's columns mean under a name; the next file of the kind begins with it."""
    if not name.strip():
        raise NotAllowed("The mapping needs a name.")
    session.execute(
        delete(ImportMapping).where(
            ImportMapping.store_id == row.store_id,
            ImportMapping.kind == row.kind,
            ImportMapping.name == name.strip()[:200],
        )
    )
    headers: Sequence[str] = Shape(**row.shape).headers
    fields = {headers[int(number)]: field for number, field in row.mapping.items()}
    session.add(
        ImportMapping(store_id=row.store_id, kind=row.kind, name=name.strip()[:200], fields=fields, created_at=now)
    )
    session.flush()


def refusals(app: App, import_id: int, at_once: int = 1000) -> Iterator[tuple[int, str, str, str]]:
    """The refused rows in the file's order: line, column, value, reason."""
    after = 0
    while True:
        with app.db.read() as session:
            found = session.scalars(
                select(ImportRefusal)
                .where(ImportRefusal.import_id == import_id, ImportRefusal.id > after)
                .order_by(ImportRefusal.id)
                .limit(at_once)
            ).all()
        if not found:
            return
        after = found[-1].id
        yield from ((r.line, r.column, unguard(r.value), r.reason) for r in found)
