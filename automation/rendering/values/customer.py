"""To whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automation.models import Message
from automation.rendering.value import Batch, Value


class CustomerValue(Value):
    """The recipient: email, first_name, last_name, locale, country, city, birthday_month and birthday_day."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        del messages
        customers = batch.customers
        return lambda m: _value(customers[m.customer_id])


def _value(customer: Any) -> dict[str, Any]:
    return {
        "email": customer.email,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "locale": customer.locale or "",
        "country": customer.country or "",
        "city": customer.city or "",
        "birthday_month": customer.birthday_month,
        "birthday_day": customer.birthday_day,
    }
