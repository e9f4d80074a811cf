"""How far incremental stages have read: a row each, moved by whoever has read on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from automation.models import Cursor
from automation.upsert import insert_into


def move(session: Session, name: str, position: int, at: datetime) -> None:
    """Note how far a table has been read. One statement: two workers may both be the first to come so far."""
    row = insert_into(session, Cursor).values(name=name, position=position, at=at)
    session.execute(
        row.on_conflict_do_update(index_elements=["name"], set_={"position": position, "at": at}),
        execution_options={"synchronize_session": False},
    )
