"""The neutral vocabulary: what a platform, a provider or a form can tell us, whatever its own words are.

Adapters translate into these and `intake.record()` takes them in. Money is an integer of minor units with its
currency beside it, instants are aware. A field that is None was not mentioned and changes nothing.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator


def _is_day(text: str) -> str:
    date(int(text[:-6] or 2000), int(text[-5:-3]), int(text[-2:]))  # raises ValueError for a day that is none
    return text


ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Short = Annotated[str, StringConstraints(max_length=200)]
Url = Annotated[str, StringConstraints(max_length=2000)]
DateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]
YearlyDay = Annotated[str, StringConstraints(pattern=r"^(\d{4}-)?\d{2}-\d{2}$"), AfterValidator(_is_day)]
Amount = Annotated[int, Field(ge=-(2**53), le=2**53, description="Minor units: 1999 is 19.99.")]


class Change(BaseModel):
    """Something that came in from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Change):
    """Whom a change is about: any of these finds or makes the customer."""

    external_id: ExternalId | None = None
    email: Annotated[str, StringConstraints(max_length=320)] | None = None


class CustomerChanged(Change):
    """A customer as they are now."""

    type: Literal["customer"] = "customer"
    external_id: ExternalId | None = Field(None, description="The shop's id of the customer.")
    email: Annotated[str, StringConstraints(max_length=320)] | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    phone: Annotated[str, StringConstraints(max_length=64)] | None = None
    locale: Annotated[str, StringConstraints(max_length=16)] | None = None
    timezone: Annotated[str, StringConstraints(max_length=64)] | None = Field(None, description="An IANA name.")
    country: Country | None = None
    region: Annotated[str, StringConstraints(max_length=64)] | None = None
    city: Short | None = None
    postcode: Annotated[str, StringConstraints(max_length=32)] | None = None
    currency: Currency | None = None
    birthday_month: int | None = Field(None, ge=1, le=12)
    birthday_day: int | None = Field(None, ge=1, le=31)
    birthday_year: int | None = Field(None, ge=1900, le=2100)
    special_dates: dict[DateName, YearlyDay | None] | None = Field(
        None, description="Days that come round each year: 1990-04-23, or 04-23 without the year; null takes one away."
    )
    tags: list[Short] | None = None
    tags_added: list[Short] | None = Field(None, description="For a platform that tells only what was added …")
    tags_removed: list[Short] | None = Field(None, description="… or removed, not all that there are.")
    attributes: dict[str, Any] | None = Field(None, description="Merged into those that are there.")
    source: dict[str, Any] | None = Field(None, description="Kept if there is none yet: the first touch wins.")
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = Field(None, description="Older news than what is stored is ignored.")


class CustomerDeleted(Change):
    """The shop deleted a customer; their history stays, the link to the shop goes."""

    type: Literal["customer_deleted"] = "customer_deleted"
    external_id: ExternalId


class CustomersMerged(Change):
    """Two customers of the shop are one now."""

    type: Literal["customers_merged"] = "customers_merged"
    kept_external_id: ExternalId
    deleted_external_id: ExternalId


class ConsentChanged(Change):
    """A customer agreed to a topic, withdrew, or has yet to confirm."""

    type: Literal["consent"] = "consent"
    person: Person
    topic: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "marketing"
    status: Literal["granted", "withdrawn", "pending"]
    at: AwareDatetime
    source: Annotated[str, StringConstraints(max_length=64)] = "platform"
    wording: str = ""
    ip: Annotated[str, StringConstraints(max_length=64)] = ""
    agent: Annotated[str, StringConstraints(max_length=500)] = ""
    detail: Annotated[str, StringConstraints(max_length=500)] = ""
    basis: Literal["express", "implied"] = Field("express", description="Implied by dealings, where the law has that.")
    expires_at: AwareDatetime | None = Field(None, description="When an implied consent ends; it has to be said then.")

    @model_validator(mode="after")
    def _ends(self) -> ConsentChanged:
        if self.basis == "implied" and (self.expires_at is None or self.status != "granted"):
            raise ValueError("only a granted consent is implied, and it has an expires_at")
        if self.basis == "express" and self.expires_at is not None:
            raise ValueError("an express consent never expires")
        return self


class Line(Change):
    """A line of a cart or an order."""

    product_external_id: Annotated[str, StringConstraints(max_length=128)] = ""
    variant_external_id: Annotated[str, StringConstraints(max_length=128)] = ""
    title: Annotated[str, StringConstraints(max_length=500)]
    sku: Annotated[str, StringConstraints(max_length=128)] = ""
    quantity: int = Field(ge=0, le=1_000_000)
    price: Amount = Field(description="Of one piece, in minor units.")
    discount: Amount = 0


class CartChanged(Change):
    """A cart as it is now. No lines means emptied."""

    type: Literal["cart"] = "cart"
    external_id: ExternalId = Field(description="The cart's token.")
    checkout_id: ExternalId | None = Field(None, description="Set once the cart has become a checkout.")
    checkout_at: AwareDatetime | None = None
    person: Person | None = Field(None, description="None while nobody knows whose it is.")
    currency: Currency | None = None
    total: Amount | None = Field(None, description="Of all lines; counted from them where it is missing.")
    lines: list[Line]
    recovery_url: Url | None = None
    source: dict[str, Any] | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime = Field(description="The customer's last activity in it.")
    completed_at: AwareDatetime | None = None


class CartDeleted(Change):
    """A cart or checkout is gone."""

    type: Literal["cart_deleted"] = "cart_deleted"
    external_id: ExternalId | None = None
    checkout_id: ExternalId | None = None
    at: AwareDatetime | None = None


class OrderChanged(Change):
    """An order as it is now."""

    type: Literal["order"] = "order"
    external_id: ExternalId
    number: Annotated[str, StringConstraints(max_length=64)] = ""
    person: Person | None = None
    cart_external_id: ExternalId | None = None
    checkout_external_id: ExternalId | None = None
    currency: Currency
    subtotal: Amount = 0
    discount: Amount = 0
    shipping: Amount = 0
    tax: Amount = 0
    total: Amount
    refunded: Amount | None = None
    codes: list[Short] = Field(default_factory=list)
    lines: list[Line] | None = None
    source: dict[str, Any] | None = None
    placed_at: AwareDatetime
    paid_at: AwareDatetime | None = None
    fulfilled_at: AwareDatetime | None = None
    delivered_at: AwareDatetime | None = None
    cancelled_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class OrderRefunded(Change):
    """Part of an order's money went back; told by its own id, so that twice is once."""

    type: Literal["refund"] = "refund"
    external_id: ExternalId
    order_external_id: ExternalId
    amount: Amount
    at: AwareDatetime


class OrderDelivered(Change):
    """An order reached the customer."""

    type: Literal["order_delivered"] = "order_delivered"
    order_external_id: ExternalId
    at: AwareDatetime


class OrderDeleted(Change):
    """The shop deleted an order: it counts as cancelled."""

    type: Literal["order_deleted"] = "order_deleted"
    external_id: ExternalId


class VariantState(Change):
    """One size or colour."""

    external_id: ExternalId
    title: Annotated[str, StringConstraints(max_length=500)] = ""
    sku: Annotated[str, StringConstraints(max_length=128)] = ""
    image_url: Url = ""
    price: Amount
    compare_at: Amount | None = None
    stock: int | None = None


class ProductChanged(Change):
    """A product as it is now."""

    type: Literal["product"] = "product"
    external_id: ExternalId
    title: Annotated[str, StringConstraints(max_length=500)]
    description: str | None = None
    url: Url | None = None
    image_url: Url | None = None
    category: Short | None = None
    vendor: Short | None = None
    tags: list[Short] | None = None
    price: Amount | None = Field(None, description="The cheapest variant's where it is missing.")
    compare_at: Amount | None = None
    cost: Amount | None = None
    stock: int | None = None
    state: Literal["active", "draft", "archived"] = "active"
    variants: list[VariantState] | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class ProductDeleted(Change):
    """A product is gone."""

    type: Literal["product_deleted"] = "product_deleted"
    external_id: ExternalId


class EventHappened(Change):
    """Anything else: product.viewed, searched, review.left, support.contacted …"""

    type: Literal["event"] = "event"
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=128)]
    person: Person | None = None
    at: AwareDatetime
    properties: dict[str, Any] = Field(default_factory=dict)
    external_id: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="Told twice with the same id, it is kept once."
    )


class DueItemChanged(Change):
    """Something with a date to be reminded of: a payment, an appointment, a renewal, anything."""

    type: Literal["due_item"] = "due_item"
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]
    external_id: ExternalId
    person: Person
    title: Annotated[str, StringConstraints(max_length=500)] = ""
    url: Url = ""
    amount: Amount | None = None
    currency: Currency | None = None
    due_at: AwareDatetime
    done_at: AwareDatetime | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    updated_at: AwareDatetime | None = None


class PrivacyRequested(Change):
    """Somebody asked, through the platform, to see or to erase what is stored."""

    type: Literal["privacy"] = "privacy"
    kind: Literal["access", "erasure", "store_erasure"]
    person: Person | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class Uninstalled(Change):
    """The shop removed us: its connection is paused."""

    type: Literal["uninstalled"] = "uninstalled"


MAIL_EVENTS = (
    "accepted",
    "delivered",
    "deferred",
    "soft_bounce",
    "hard_bounce",
    "rejected",
    "complaint",
    "open",
    "click",
    "unsubscribe",
    "resubscribe",
)


class MailEvent(Change):
    """What became of a mail, by its provider's word."""

    type: Literal["mail"] = "mail"
    event: Literal[
        "accepted",
        "delivered",
        "deferred",
        "soft_bounce",
        "hard_bounce",
        "rejected",
        "complaint",
        "open",
        "click",
        "unsubscribe",
        "resubscribe",
    ]
    message_id: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Our public id, echoed from the metadata."
    )
    provider_id: Annotated[str, StringConstraints(max_length=200)] | None = None
    email: Annotated[str, StringConstraints(max_length=320)] | None = None
    at: AwareDatetime
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=160)]
    reason: str = ""
    is_policy: bool = Field(False, description="The receiver objects to the sender, not to the address.")
    is_suppressed: bool = Field(False, description="The provider itself no longer mails the address.")
    url: str = ""
    agent: str = ""
    ip: str = ""
    is_machine: bool = False


AnyChange = Annotated[
    CustomerChanged
    | CustomerDeleted
    | CustomersMerged
    | ConsentChanged
    | CartChanged
    | CartDeleted
    | OrderChanged
    | OrderRefunded
    | OrderDelivered
    | OrderDeleted
    | ProductChanged
    | ProductDeleted
    | EventHappened
    | DueItemChanged
    | PrivacyRequested
    | Uninstalled
    | MailEvent,
    Field(discriminator="type"),
]
