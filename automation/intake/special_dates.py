"""Days that customers named: a wedding, a pet's birthday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, tuple_

from automation.intake.batch import Batch, Row
from automation.models import SpecialDate
from automation.upsert import insert_into


def keep_dates(batch: Batch, told: Sequence[tuple[Row, Mapping[str, str | None]]]) -> None:
    """Keep or take away the days that were told of customers who have their ids; two statements, however many."""
    if not told:
        return
    days = {(row["id"], name): day for row, named in told for name, day in named.items()}
    gone = [key for key, day in days.items() if day is None]
    kept = [
        {
            "store_id": batch.store_id,
            "customer_id": customer_id,
            "name": name,
            "month": int(day[-5:-3]),
            "day": int(day[-2:]),
            "year": int(day[:4]) if len(day) > 5 else None,
            "created_at": batch.now,
            "updated_at": batch.now,
        }
        for (customer_id, name), day in sorted(days.items())
        if day is not None
    ]
    if gone:
        batch.session.execute(
            delete(SpecialDate)
            .where(tuple_(SpecialDate.customer_id, SpecialDate.name).in_(gone))
            .execution_options(synchronize_session=False)
        )
    if kept:
        statement = insert_into(batch.session, SpecialDate)
        changed = {name: statement.excluded[name] for name in ("month", "day", "year", "updated_at")}
        statement = statement.on_conflict_do_update(index_elements=["customer_id", "name"], set_=changed)
        batch.session.connection().execute(statement, kept)
