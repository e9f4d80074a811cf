"""PrestaShop: it has no webhooks, so its web service is asked every five minutes for what changed.

Instants are written in the shop's own zone, and 0000-00-00 means none. Carts hold no prices.
https://devdocs.prestashop-project.org/8/webservice/
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    Currency,
    CustomerChanged,
    Line,
    OrderChanged,
    Person,
    ProductChanged,
)
from automation.errors import BadSignature, Later
from automation.payload import Part, birthday, readable
from automation.platform import (
    Envelope,
    News,
    Page,
    Platform,
    PlatformSettings,
    Reader,
    Request,
    read_json,
    translated,
)
from automation.shop_api import Leaf, ShopApi, Turn, as_list, object_reader, walk
from automation.source import ShopUrl, Token

SIZE = 100
_SHIPPED, _DELIVERED, _CANCELLED = "4", "5", frozenset({"6", "8"})
"""States of an order as an installation numbers them; 8 is a payment that failed."""


class PrestaShopSettings(PlatformSettings):
    shop_url: ShopUrl = Field(description="The shop's address, such as https://shop.example.com.")
    webservice_key: Token = Field(description="Key of the web service that may read (GET) the four resources.")
    currency: Currency = Field("EUR", description="The shop's currency.")
    timezone: str = Field("Europe/Paris", max_length=64, description="The shop's zone; its times are written in it.")

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("this is no time zone such as Europe/Paris") from error
        return value


def _zone(news: News) -> tzinfo:
    return ZoneInfo(news.settings.timezone)


def _words(part: Part, name: str, limit: int = 200) -> str | None:
    """A text, or the first of its languages."""
    if isinstance(part.data.get(name), list):
        first = next(iter(part.parts(name) or ()), None)
        return first.text("value", limit) if first else None
    return part.text(name, limit)


def _known(part: Part, name: str) -> str | None:
    """An id; 0 is none."""
    found = part.id(name)
    return None if found == "0" else found


def customer(news: News) -> list[Change]:
    """A customer; the newsletter tells when it was agreed to."""
    body, zone = news.body, _zone(news)
    month, day, year = birthday(body.text("birthday"))
    found = CustomerChanged(
        external_id=news.id("id"),
        email=body.text("email", 320),
        first_name=body.text("firstname"),
        last_name=body.text("lastname"),
        birthday_month=month,
        birthday_day=day,
        birthday_year=year,
        created_at=body.moment("date_add", zone),
        updated_at=body.moment("date_upd", zone),
    )
    agreed_at = body.moment("newsletter_date_add", zone) or found.created_at
    if not body.yes("newsletter") or agreed_at is None:
        return [found]
    person = Person(external_id=found.external_id, email=found.email)
    return [found, ConsentChanged(person=person, status="granted", at=agreed_at, detail="PrestaShop: newsletter")]


def _rows(body: Part, name: str) -> list[Part]:
    about = body.part("associations")
    return (about.parts(name) if about else None) or []


def cart(news: News) -> list[Change]:
    """A cart; what its products cost is not told."""
    body, zone = news.body, _zone(news)
    customer_id = _known(body, "id_customer")
    at = body.moment("date_upd", zone) or body.moment("date_add", zone)
    if at is None:
        raise body.missing("date_upd")
    lines = [
        Line(
            product_external_id=part.id("id_product") or "",
            variant_external_id=_known(part, "id_product_attribute") or "",
            title="",
            quantity=max(part.quantity("quantity") or 0, 0),
            price=0,
        )
        for part in _rows(body, "cart_rows")
    ]
    root = getattr(news.settings, "shop_url", "")
    return [
        CartChanged(
            external_id=news.id("id"),
            person=Person(external_id=customer_id) if customer_id else None,
            currency=news.settings.currency,
            lines=lines,
            recovery_url=f"{root}/index.php?controller=cart&action=show" if root else None,
            created_at=body.moment("date_add", zone),
            updated_at=at,
        )
    ]


def order(news: News) -> list[Change]:
    """An order and the cart that it was."""
    body, zone, currency = news.body, _zone(news), news.settings.currency
    total = body.amount("total_paid_tax_incl", currency)
    total = body.amount("total_paid", currency) if total is None else total
    if total is None:
        raise body.missing("total_paid")
    seen_at = body.moment("date_upd", zone) or body.moment("date_add", zone)
    if seen_at is None:
        raise body.missing("date_upd")
    state, customer_id = body.text("current_state"), _known(body, "id_customer")
    lines = [
        Line(
            product_external_id=part.id("product_id") or "",
            variant_external_id=_known(part, "product_attribute_id") or "",
            title=part.text("product_name", 500) or "",
            sku=part.text("product_reference", 128) or "",
            quantity=max(part.quantity("product_quantity") or 0, 0),
            price=part.amount("unit_price_tax_incl", currency) or 0,
        )
        for part in _rows(body, "order_rows")
    ]
    return [
        OrderChanged(
            external_id=news.id("id"),
            number=body.text("reference", 64) or "",
            person=Person(external_id=customer_id) if customer_id else None,
            cart_external_id=_known(body, "id_cart"),
            currency=currency,
            subtotal=body.amount("total_products_wt", currency) or body.amount("total_products", currency) or 0,
            discount=body.amount("total_discounts", currency) or 0,
            shipping=body.amount("total_shipping", currency) or 0,
            total=total,
            lines=lines,
            placed_at=body.moment("date_add", zone) or seen_at,
            paid_at=seen_at if body.yes("valid") else None,
            fulfilled_at=seen_at if state in (_SHIPPED, _DELIVERED) else None,
            delivered_at=seen_at if state == _DELIVERED else None,
            cancelled_at=seen_at if state in _CANCELLED else None,
            updated_at=seen_at,
        )
    ]


def product(news: News) -> list[Change]:
    """A product; its stock stands elsewhere and is not asked for."""
    body, zone = news.body, _zone(news)
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=_words(body, "name", 500) or "",
            description=readable(_words(body, "description_short", 50_000)),
            vendor=body.text("manufacturer_name"),
            price=body.amount("price", news.settings.currency),
            cost=body.amount("wholesale_price", news.settings.currency) or None,
            state="active" if body.yes("active") is not False else "draft",
            created_at=body.moment("date_add", zone),
            updated_at=body.moment("date_upd", zone),
        )
    ]


TOPICS: dict[str, Reader] = {"products": product, "customers": customer, "carts": cart, "orders": order}
"""Their resource → what reads one of it, in the order in which they are asked for."""


class PrestaShop(Platform):
    """PrestaShop is asked for customers, carts, orders and products every five minutes.

    In the back office, open Advanced Parameters → Webservice, enable it and add a key that may GET customers, carts,
    orders and products. Enter it here; there is nothing else to set up.

    It tells consent and birthdays, and a cart's lines without their prices. No codes are made in it: upload those of
    its cart rules.
    """

    label: ClassVar[str] = "PrestaShop"
    Settings: ClassVar[type[PrestaShopSettings]] = PrestaShopSettings
    reconciled_every: ClassVar[timedelta] = timedelta(minutes=5)

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        """Refuse: this shop sends nothing, so whoever does is not it."""
        raise BadSignature("PrestaShop has no webhooks; this connection asks instead.")

    def translate(self, envelope: Envelope) -> list[Change]:
        news = News(Part.whole(read_json(envelope.body)), self.settings, envelope.triggered_at)
        return translated(TOPICS, envelope.topic, news)

    @property
    def has_api(self) -> bool:
        return True

    @property
    def _api(self) -> ShopApi:
        key = base64.b64encode(f"{self.settings.webservice_key.get_secret_value()}:".encode()).decode()
        return ShopApi(self.http, f"{self.settings.shop_url}/api", {"Authorization": f"Basic {key}"}, self.label)

    def check(self) -> str:
        for name in TOPICS:
            self._api.get(f"/{name}", {"output_format": "JSON", "limit": "1"})
        return "PrestaShop knows this key, and it may read all that is needed."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        lists: dict[str, Turn] = {name: partial(self._list, name, read) for name, read in TOPICS.items()}
        return walk(lists, since, cursor)

    def _list(self, name: str, read: Reader, since: datetime | None, cursor: str | None) -> Leaf:
        start = int(cursor or "0")
        params = {
            "output_format": "JSON",
            "display": "full",
            "sort": "[id_ASC]",
            "limit": f"{start},{SIZE}",
        }
        if since is not None:
            local = since.astimezone(ZoneInfo(self.settings.timezone))
            params |= {"date": "1", "filter[date_upd]": f"[{local:%Y-%m-%d %H:%M:%S},9999-12-31 00:00:00]"}
        said: Any = self._api.json(self._api.get(f"/{name}", params))
        if said != [] and not isinstance(said, dict):
            raise Later(f"PrestaShop answered for {name} with something else than a list.")
        items = as_list(said.get(name) or [], name) if isinstance(said, dict) else []
        following = str(start + SIZE) if len(items) == SIZE else None
        return Leaf(items, object_reader(self.settings, read), following, 0.5)
