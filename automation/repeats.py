"""The same request twice is done once: what was answered is kept under the key that the sender gave it.

A row of the inbound table is the memory, so what ages out there is forgotten here too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.models import InboundWebhook

_TOPIC = "api.request"


def once(
    session: Session, connection_id: int, key: str, content: bytes, now: datetime, do: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """What `do` answers, and whether it was done before under this key; then it is not done again.

    A second request waits for the first one's transaction and then gets its answer. Raises NotAllowed when the key
    was used with other content.
    """
    fingerprint = hashlib.sha256(content).hexdigest()
    delivery_id = "request:" + hashlib.sha256(key.encode()).hexdigest()
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    inserted = session.scalar(
        dialect.insert(InboundWebhook)
        .values(
            connection_id=connection_id,
            delivery_id=delivery_id,
            topic=_TOPIC,
            body=b"",
            state="processed",
            attempts=0,
            error="",
            received_at=now,
            processed_at=now,
        )
        .on_conflict_do_nothing(index_elements=["connection_id", "delivery_id"])
        .returning(InboundWebhook.id)
    )
    if inserted is None:
        body = session.scalars(
            select(InboundWebhook.body).where(
                InboundWebhook.connection_id == connection_id, InboundWebhook.delivery_id == delivery_id
            )
        ).one()
        kept = orjson.loads(body)
        if kept["fingerprint"] != fingerprint:
            raise NotAllowed("This Idempotency-Key was used with another request before.")
        return kept["answer"], True
    answer = do()
    session.execute(
        update(InboundWebhook)
        .where(InboundWebhook.id == inserted)
        .values(body=orjson.dumps({"fingerprint": fingerprint, "answer": answer}))
    )
    return answer, False
