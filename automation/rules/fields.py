"""The catalogue of fields that a rule may ask about, each with its type, its words and where it stands.

A field is one entry here, or one call of `register()` from the room that knows it. It is a column of the customer, a
column of a table with one row per customer (`Beside`), or a figure over what happened to them (`Tally`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from automation.errors import SetupError
from automation.models import Customer, CustomerScore, LoyaltyAccount
from automation.rules.operators import ValueType
from automation.upsert import table_of

_customers = table_of(Customer)
_accounts = table_of(LoyaltyAccount)
_scores = table_of(CustomerScore)

Do = Literal["count", "sum", "average", "min", "max", "first", "last"]


@dataclass(frozen=True, slots=True)
class Tally:
    """A figure over the events of a name."""

    event: str
    do: Do
    property: str | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """A column of a table that has at most one row per customer; without a row the field is not known."""

    customer_id: Any
    column: Any


@dataclass(frozen=True, slots=True)
class Field:
    """Something that is known of a customer. Exactly one of `sql`, `tally` and `beside` says where it stands."""

    name: str
    type: ValueType
    words: str
    """As it stands in a sentence: "their country"."""
    sql: Callable[[], Any] | None = None
    """A column of `Customer`, or an expression over its columns."""
    tally: Tally | None = None
    beside: Beside | None = None
    is_money: bool = False
    """True for an amount in minor units of the store's currency."""


def _scored(name: str, type_: ValueType, words: str, *, is_money: bool = False) -> Field:
    """What is expected of a customer, as of at most a week ago: `automation.insights.value`."""
    return Field(name, type_, words, beside=Beside(_scores.c.customer_id, _scores.c[name]), is_money=is_money)


_ALL = (
    Field("email", "text", "their address", lambda: _customers.c.email_key),
    Field("first_name", "text", "their first name", lambda: _customers.c.first_name),
    Field("last_name", "text", "their last name", lambda: _customers.c.last_name),
    Field("phone", "text", "their telephone number", lambda: _customers.c.phone),
    Field("country", "text", "their country", lambda: _customers.c.country),
    Field("region", "text", "their region", lambda: _customers.c.region),
    Field("city", "text", "their city", lambda: _customers.c.city),
    Field("postcode", "text", "their postcode", lambda: _customers.c.postcode),
    Field("locale", "text", "their language", lambda: _customers.c.locale),
    Field("timezone", "text", "their time zone", lambda: _customers.c.timezone),
    Field("currency", "text", "their currency", lambda: _customers.c.currency),
    Field("tags", "tags", "their tags", lambda: _customers.c.tags),
    Field(
        "birthday", "annual", "their birthday", lambda: _customers.c.birthday_month * 100 + _customers.c.birthday_day
    ),
    Field("birthday_month", "number", "the month of their birthday", lambda: _customers.c.birthday_month),
    Field("birthday_year", "number", "the year of their birth", lambda: _customers.c.birthday_year),
    Field("created_at", "instant", "their first contact", lambda: _customers.c.created_at),
    Field("engaged_at", "instant", "their last click, order or visit", lambda: _customers.c.engaged_at),
    Field("order_count", "number", "the number of their orders", tally=Tally("order.placed", "count")),
    Field("order_total", "number", "the sum of their orders", tally=Tally("order.placed", "sum", "net"), is_money=True),
    Field(
        "order_average",
        "number",
        "the average of their orders",
        tally=Tally("order.placed", "average", "net"),
        is_money=True,
    ),
    Field("first_order_at", "instant", "their first order", tally=Tally("order.placed", "first")),
    Field("last_order_at", "instant", "their last order", tally=Tally("order.placed", "last")),
    Field("cart_count", "number", "the number of carts they left", tally=Tally("cart.left", "count")),
    Field("last_mail_at", "instant", "the last mail to them", tally=Tally("mail.sent", "last")),
    Field("last_open_at", "instant", "their last opening of a mail", tally=Tally("mail.opened", "last")),
    Field("last_click_at", "instant", "their last click in a mail", tally=Tally("mail.clicked", "last")),
    Field(
        "points_balance",
        "number",
        "their points",
        beside=Beside(_accounts.c.customer_id, _accounts.c.balance),
    ),
    Field("tier", "text", "their tier", beside=Beside(_accounts.c.customer_id, _accounts.c.tier)),
    Field("last_visit_at", "instant", "their last visit", tally=Tally("visit", "last")),
    _scored("rfm_group", "text", "their group"),
    _scored("recency", "number", "their score for recency"),
    _scored("frequency", "number", "their score for frequency"),
    _scored("monetary", "number", "their score for money spent"),
    _scored("expected_orders", "number", "the number of orders expected of them"),
    _scored("lifetime_value", "number", "their expected lifetime value", is_money=True),
    _scored("alive", "number", "the probability that they buy again"),
    _scored("next_order_at", "instant", "their next expected order"),
    _scored("lead_score", "number", "their lead score"),
)

FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
"""Every field by name."""

PATHS: dict[str, tuple[str, Callable[[], Any]]] = {
    "attributes": ("their", lambda: _customers.c.attributes),
    "source": ("the source's", lambda: _customers.c.source),
}
"""Documents whose parts are fields too: `attributes.size.shoe`, `source.utm.campaign`."""


def register(field: Field) -> None:
    """Add a field to the catalogue. Raises SetupError for a name that is taken, or a field that stands nowhere."""
    if field.name in FIELDS or field.name.partition(".")[0] in PATHS:
        raise SetupError(f"There is a field {field.name} already.")
    if sum(place is not None for place in (field.sql, field.tally, field.beside)) != 1:
        raise SetupError(f"The field {field.name} needs exactly one of sql, tally and beside.")
    FIELDS[field.name] = field
