"""The day that comes round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from automation.models import Message, Order, SpecialDate
from automation.rendering.value import Batch, Origin, Value
from automation.times import local_date

OLDEST = 120
"""Years; beyond it a year is a slip of the pen."""
NONE: dict[str, Any] = {"of": "", "name": "", "on": "", "days": 0, "years": None}


class AnniversaryValue(Value):
    """The birthday or other date: of (birthday, special_date, customer_since or first_order), name (of a special
    date, in plain words), on (this year's date), days (until it; 0 is today), and years where the first is known.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = batch.about(messages, "date")
        of = {m.id: origin for m in messages if m.id in about and (origin := batch.origin(m))}
        named = _rows(batch, SpecialDate, {about[i] for i, o in of.items() if o.settings["of"] == "special_date"})
        orders = _rows(batch, Order, {about[i] for i, o in of.items() if o.settings["of"] == "first_order"})
        found = {}
        for m in messages:
            enrolment = batch.enrolments.get(m.enrolment_id or 0) if m.id in of else None
            if enrolment is not None:
                on = local_date(enrolment.anchor_at, batch.zone(m))
                first = _first(batch, m, of[m.id], named.get(about[m.id]), orders.get(about[m.id]))
                found[m.id] = _value(batch, m, of[m.id], on, first)
        return lambda m: found.get(m.id, NONE)


def _rows(batch: Batch, model: type[SpecialDate | Order], ids: set[int]) -> Mapping[int, Any]:
    if not ids:
        return {}
    column = model.year if issubclass(model, SpecialDate) else model.placed_at
    found = select(model.id, model.customer_id, column.label("first")).where(model.id.in_(sorted(ids)))
    return {row.id: row for row in batch.session.execute(found)}


def _first(batch: Batch, message: Message, origin: Origin, named: Any, order: Any) -> int | None:
    """The year of the first of them, in the customer's zone."""
    customer = batch.customers[message.customer_id]
    match origin.settings["of"]:
        case "birthday":
            year: int | None = customer.birthday_year
            return year
        case "customer_since":
            return local_date(customer.created_at, batch.zone(message)).year
    row = named or order
    if row is None or row.customer_id != message.customer_id or row.first is None:
        return None
    return int(row.first) if named else local_date(row.first, batch.zone(message)).year


def _value(batch: Batch, message: Message, origin: Origin, on: date, first: int | None) -> dict[str, Any]:
    years = on.year - first if first is not None else 0
    return {
        "of": origin.settings["of"],
        "name": str(origin.settings.get("name", "")).replace("_", " "),
        "on": on.isoformat(),
        "days": (on - batch.today(message)).days,
        "years": years if 0 < years <= OLDEST else None,
    }
