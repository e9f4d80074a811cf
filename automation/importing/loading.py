"""One batch of an import's rows: built, then taken in with its checkpoint in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation import intake
from automation.addresses import key_of
from automation.changes import Change, ConsentChanged, CustomerChanged
from automation.erasing.marks import mark_of_address
from automation.faults import declare, fault
from automation.importing import wishes
from automation.importing.building import Builder, Built, Frame, RowRefused
from automation.importing.options import Options
from automation.importing.sheets import Row
from automation.importing.wishes import Wished
from automation.models import Connection, Customer, Identity, Import, ImportRefusal, Store
from automation.suppressions import Suppressed, suppress
from automation.upsert import table_of

AT_ONCE = 1000
"""Rows that share a transaction and its statements."""
MOST_REFUSALS = 100_000
"""Refused rows of which it is written down why; more are only counted."""

declare("load.before_commit")


@dataclass(slots=True)
class Portion:
    """The rows of one batch as they came out."""

    rows: int = 0
    built: list[Built] = field(default_factory=list)
    refused: list[tuple[int, RowRefused, str]] = field(default_factory=list)
    """Line, why, and the row's address."""


def builder_of(session: Session, row: Import) -> Builder:
    """What builds the rows of an import."""
    store = session.get_one(Store, row.store_id)
    return Builder(
        Frame(
            kind=row.kind,
            headers=row.shape["headers"],
            mapping={int(number): name for number, name in row.mapping.items()},
            options=Options.model_validate(row.options),
            store_id=row.store_id,
            timezone=store.timezone,
            currency=store.currency,
            at=row.began_at or row.created_at,
            name=row.filename,
        )
    )


def portions(builder: Builder, rows: Iterator[Row], most: int) -> Iterator[Portion]:
    """The next `most` rows in batches, built."""
    while most > 0 and (taken := list(islice(rows, min(AT_ONCE, most)))):
        most -= len(taken)
        portion = Portion(len(taken))
        for line, cells in taken:
            try:
                portion.built += builder.build(line, cells)
            except RowRefused as why:
                portion.refused.append((line, why, builder.address(cells)))
        yield portion


def check(session: Session, row: Import, portion: Portion) -> None:
    """Count what a batch would bring, changing nothing but the import itself."""
    people = [change for change in portion.built if isinstance(change, CustomerChanged)]
    known = _known(session, row, people)
    counts = Counter({"good": portion.rows - len(portion.refused)})
    if people:
        counts += Counter({"known": known, "new": len(people) - known})
    counts.update(f"consent_{c.status}" for c in portion.built if isinstance(c, ConsentChanged))
    _advance(session, row, portion, counts)


def _known(session: Session, row: Import, people: Sequence[CustomerChanged]) -> int:
    keys = {key for p in people if (key := key_of(p.email))}
    ids = {p.external_id for p in people if p.external_id}
    named = select(Identity.external_id).where(
        Identity.connection_id == row.connection_id, Identity.external_id.in_(ids)
    )
    mailed = select(Customer.email_key).where(Customer.store_id == row.store_id, Customer.email_key.in_(keys))
    known_ids, known_keys = set(session.scalars(named)), set(session.scalars(mailed))
    return sum(p.external_id in known_ids or key_of(p.email) in known_keys for p in people)


def take(session: Session, row: Import, portion: Portion, now: datetime) -> None:
    """Take a batch in and move the checkpoint behind it, in the caller's transaction."""
    counts: Counter[str] = Counter()
    suppressed = [built for built in portion.built if isinstance(built, Suppressed)]
    if suppressed:
        suppress(session, suppressed)
        counts["applied"] += len(suppressed)
    changes: list[Change] = [built for built in portion.built if isinstance(built, Change)]
    if changes:
        connection = session.get_one(Connection, row.connection_id)
        imported_at = None if Options.model_validate(row.options).welcome else row.began_at
        receipt = intake.record(session, connection, changes, now, imported_at=imported_at)
        counts.update({name: n for name, n in asdict(receipt).items() if n})
        wished = [built for built in portion.built if isinstance(built, Wished)]
        if wished:
            wishes.write(session, connection, wished, now)
    _advance(session, row, portion, counts)
    fault("load.before_commit")


def _advance(session: Session, row: Import, portion: Portion, counts: Counter[str]) -> None:
    room = max(0, MOST_REFUSALS - row.rows_refused)
    refusals: list[dict[str, Any]] = [
        {
            "import_id": row.id,
            "line": line,
            "column": why.column[:200],
            "value": why.value[:500],
            "reason": why.reason[:500],
            "person": mark_of_address(session, address),
        }
        for line, why, address in portion.refused[:room]
    ]
    if refusals:
        session.connection().execute(insert(table_of(ImportRefusal)), refusals)
    row.rows_refused += len(portion.refused)
    row.rows_done += portion.rows
    row.counts = dict(Counter(row.counts) + counts)
