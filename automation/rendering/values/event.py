"""The event that started the campaign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import Event, Message
from automation.rendering.value import Batch, Value
from automation.times import local_date

NONE: dict[str, Any] = {"name": "", "on": "", "properties": {}}


class EventValue(Value):
    """What happened: its name, on (the date where the customer lives), and its properties as they were told."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = batch.about(messages, "event")
        if not about:
            return lambda _: NONE
        columns = (Event.id, Event.customer_id, Event.name, Event.at, Event.properties)
        found = select(*columns).where(Event.id.in_(sorted(set(about.values()))))
        rows = {row.id: row for row in batch.session.execute(found)}
        values = {}
        for m in messages:
            row = rows.get(about.get(m.id, 0))
            if row is not None and row.customer_id in (None, m.customer_id):
                on = local_date(row.at, batch.zone(m)).isoformat()
                values[m.id] = {"name": row.name, "on": on, "properties": row.properties}
        return lambda m: values.get(m.id, NONE)
