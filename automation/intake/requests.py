"""What people ask for by law through a platform, what they agreed to, and a shop that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, update

from automation.changes import ConsentChanged, PrivacyRequested, Uninstalled
from automation.consents import ConsentLine, note
from automation.intake.batch import PRIVACY_TERM, Batch
from automation.intake.people import People
from automation.models import Connection, PrivacyRequest
from automation.upsert import table_of


def take_consents(batch: Batch, people: People, changes: Sequence[ConsentChanged]) -> None:
    """Hand what customers agreed to to the ledger, which knows what each source may do."""
    lines: list[ConsentLine] = []
    for change in changes:
        owner = people.find(change.person)
        if owner is None or owner["erased_at"]:
            batch.unmatched += 1
            continue
        lines.append(
            ConsentLine(
                store_id=batch.store_id,
                customer_id=owner["id"],
                topic=change.topic,
                status=change.status,
                source=change.source,
                at=change.at,
                basis=change.basis,
                expires_at=change.expires_at,
                wording=change.wording,
                ip=change.ip,
                agent=change.agent,
                detail=change.detail,
            )
        )
    if lines:
        batch.applied += len(lines)
        note(batch.session, lines, batch.now)


def take_privacy(batch: Batch, changes: Sequence[PrivacyRequested]) -> None:
    """Write down what somebody asked for, with the day by which the law wants it done. Nobody is made for it."""
    people = People(batch, [change.person for change in changes])
    rows = []
    for change in changes:
        owner = people.find(change.person)
        about = {"email": change.person.email} if change.person and change.person.email and owner is None else {}
        rows.append(
            {
                "store_id": batch.store_id,
                "connection_id": batch.connection.id,
                "customer_id": owner["id"] if owner else None,
                "kind": change.kind,
                "external_id": (change.person and change.person.external_id) or "",
                "requested_at": batch.now,
                "due_at": batch.now + PRIVACY_TERM,
                "detail": {**about, **change.detail},
            }
        )
    batch.session.connection().execute(insert(table_of(PrivacyRequest)), rows)
    batch.applied += len(rows)


def take_uninstalled(batch: Batch, changes: Sequence[Uninstalled]) -> None:
    """Pause the connection: the shop has removed us."""
    table = table_of(Connection)
    batch.session.execute(
        update(table)
        .where(table.c.id == batch.connection.id)
        .values(state="paused", state_reason="The shop removed the app; connect it again to go on.")
    )
    batch.applied += len(changes)
