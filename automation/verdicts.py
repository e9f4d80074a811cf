"""Writes verdicts down: what becomes of each message, and a line of the decision log that says why.

A batch has many messages and few different verdicts: these travel once, and each message points at its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, insert, literal, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.arbiter import Verdict
from automation.models import Decision, Message
from automation.models.record import UTCDateTime

_STATE = {"go": "ready", "defer": "draft", "drop": "dropped"}
_NUMBER = Column("number", Integer())


def write(session: Session, judged: Iterable[tuple[Any, Verdict]], now: datetime) -> None:
    """Two statements, however many there are. The caller holds the messages' locks.

    `judged` pairs rows that have `id`, `customer_id` and `campaign_id` with what was said of them.
    """
    numbers: dict[int, int] = {}
    distinct: list[dict[str, Any]] = []
    rows = []
    for row, verdict in judged:
        number = numbers.get(id(verdict))
        if number is None:
            number = numbers[id(verdict)] = len(distinct)
            distinct.append(_spelt(number, verdict, now))
        rows.append({"id": row.id, "customer_id": row.customer_id, "campaign_id": row.campaign_id, "number": number})
    if not rows:
        return
    # Written out before it is joined: SQLite would read it anew for every message, instead of by an index of its own.
    spelt: Any = bulk.table(session, _COLUMNS, distinct, name="spelt")
    said = select(spelt).cte("said").prefix_with("MATERIALIZED")
    given = bulk.table(session, [Message.id, Message.customer_id, Message.campaign_id, _NUMBER], rows)
    both = (
        select(given.c.id, said.c.state, said.c.reason, said.c.due_at, said.c.stale_at)
        .join(said, said.c.number == given.c.number)
        .subquery("judged")
    )
    session.execute(
        update(Message.__table__)  # type: ignore[arg-type]  # a table all the same
        .where(Message.id == both.c.id)
        .values(
            state=both.c.state, reason=both.c.reason, due_at=both.c.due_at, stale_at=both.c.stale_at, decided_at=now
        )
    )
    columns = ["message_id", "customer_id", "campaign_id", "outcome", "reason", "facts", "until", "at"]
    session.execute(
        insert(Decision.__table__).from_select(  # type: ignore[arg-type]  # as above
            columns,
            select(
                given.c.id,
                given.c.customer_id,
                given.c.campaign_id,
                said.c.outcome,
                said.c.reason,
                said.c.facts,
                said.c.until,
                literal(now, UTCDateTime()),
            ).join(said, said.c.number == given.c.number),
        )
    )


_COLUMNS: list[Any] = [
    _NUMBER,
    Decision.outcome,
    Decision.reason,
    Decision.facts,
    Decision.until,
    Message.state,
    Message.due_at,
    Message.stale_at,
]


def _spelt(number: int, verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "number": number,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "facts": verdict.facts,
        "until": verdict.until,
        "state": _STATE[verdict.outcome],
        "due_at": verdict.until or now,
        "stale_at": verdict.stale_at,
    }
