"""What comes along when a customer's mail address changes, and what stays with the old one.

Consent is the person's and stays theirs: the ledger hangs on the customer. What an address cannot do (a bounce) is the
address's alone. That it must not be mailed because its owner complained, or because an admin said so, is about the
person again, and holds for the next address too. Flows go on; mails not yet made are made for the new address, and one
that may have reached the old one is not tried again there. What the old mailbox was asked to confirm is void.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from automation.intake.batch import Batch, Row
from automation.models import FormerAddress, Suppression
from automation.suppressions import Suppressed, suppress
from automation.upsert import insert_into

Move = tuple[Row, str]
"""A customer, and the address (normal form) that they had before."""
OF_THE_PERSON = frozenset({"complaint", "manual"})
"""Reasons for which not the mailbox but its owner is not to be mailed."""


def take_moves(batch: Batch, moves: Sequence[Move]) -> None:
    """Remember former addresses, and put the new ones on the list where the person must not be mailed.

    The customers are written already. Three statements, however many moved.
    """
    moves = [(row, old) for row, old in moves if row["id"] is not None and row["email_key"] != old]
    if not moves:
        return
    statement = insert_into(batch.session, FormerAddress)
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "email_key"], set_={"left_at": statement.excluded.left_at}
    )
    left: dict[tuple[int, str], dict[str, Any]] = {
        (row["id"], old): {"customer_id": row["id"], "email_key": old, "left_at": batch.now} for row, old in moves
    }
    batch.session.connection().execute(statement, [left[key] for key in sorted(left)])
    _carry_suppressions(batch, moves)


def _carry_suppressions(batch: Batch, moves: Sequence[Move]) -> None:
    listed = batch.session.execute(
        select(Suppression.email_key, Suppression.reason, Suppression.at, Suppression.message_id).where(
            Suppression.store_id == batch.store_id,
            Suppression.email_key.in_({old for _, old in moves}),
            Suppression.reason.in_(OF_THE_PERSON),
        )
    )
    known = {found.email_key: found for found in listed}
    suppress(
        batch.session,
        [
            Suppressed(
                store_id=batch.store_id,
                email_key=row["email_key"],
                reason=known[old].reason,
                at=known[old].at,
                message_id=known[old].message_id,
                detail="Came over from an earlier address of the customer.",
            )
            for row, old in moves
            if old in known and row["email_key"]
        ],
    )
