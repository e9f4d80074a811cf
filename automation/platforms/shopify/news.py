"""A Shopify webhook's body, and how what all of them share is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator

from automation.changes import Change, Currency, Person
from automation.errors import Unreadable
from automation.payload import Part
from automation.platform import PlatformSettings
from automation.source import Token


class ShopifySettings(PlatformSettings):
    shop_domain: str = Field("", description="The shop's own address, such as wren.myshopify.com.")
    secret: SecretStr = Field(min_length=1, description="The client secret of the app; it signs the webhooks.")
    previous_secret: SecretStr | None = Field(None, description="The secret before, for an hour after it changed.")
    access_token: Token | None = Field(
        None, description="Admin API access token (shpat_…) of the app; with it the shop can be read and subscribed to."
    )
    api_version: str = Field(
        "2026-01",
        pattern=r"^20\d\d-(01|04|07|10)$",
        description="Version of the Admin API.",
        json_schema_extra={"advanced": True},
    )
    currency: Currency = Field("USD", description="The shop's currency; its product webhooks do not name it.")
    storefront_url: str = Field("", description="Where customers shop, if it is not the shop's own address.")

    @field_validator("shop_domain")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.strip().lower().removeprefix("https://").rstrip("/")

    def product_url(self, handle: str | None) -> str | None:
        """The page of a product."""
        root = self.storefront_url.rstrip("/") or (self.shop_domain and f"https://{self.shop_domain}")
        return f"{root}/products/{handle}" if root and handle else None


@dataclass(frozen=True, slots=True)
class News:
    """A webhook's body, with what is needed to read it."""

    body: Part
    shop: ShopifySettings
    at: datetime | None
    """When Shopify says that it happened."""

    def instant(self, *names: str, of: Part | None = None) -> datetime:
        """The first of these instants, else when it happened. Raises Unreadable for none."""
        part = of or self.body
        found = next((at for name in names if (at := part.instant(name))), self.at)
        if found is None:
            raise part.missing(*names)
        return found

    def id(self, *names: str) -> str:
        """The first of these ids. Raises Unreadable for none."""
        found = next((text for name in names if (text := self.body.id(name))), None)
        if found is None:
            raise self.body.missing(*names)
        return found

    def currency(self, part: Part, name: str = "currency") -> str:
        """A currency's code, or the shop's."""
        code = part.text(name, 16)
        if code and not re.fullmatch(r"[A-Z]{3}", code):
            raise part.wrong(name, "a currency such as EUR")
        return code or self.shop.currency

    def shop_currency(self, part: Part, name: str) -> str:
        """The shop's currency as an amount's `…_set` names it."""
        money = within(part, name, "shop_money")
        return self.currency(money, "currency_code") if money else self.shop.currency


def said(translate: Callable[[News], list[Change]], news: News) -> list[Change]:
    """What a reader makes of a body. Raises Unreadable."""
    try:
        return translate(news)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc'])) or 'The body'}: {first['msg']}.") from error


def within(part: Part | None, *names: str) -> Part | None:
    for name in names:
        part = part.part(name) if part else None
    return part


def url_of(part: Part | None, name: str) -> str | None:
    found = part.text(name, 2001) if part else None
    return found if found and len(found) <= 2000 and found.startswith(("https://", "http://")) else None


def tags_of(part: Part) -> list[str] | None:
    value = part.data.get("tags")
    if value is None:
        return None
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise part.wrong("tags", "a list of texts")
    return [tag.strip()[:200] for tag in value if tag.strip()]


def source_of(part: Part) -> dict[str, Any] | None:
    """How they came, from the page where they landed."""
    landing = part.text("landing_site", 1000)
    try:
        query = parse_qsl(urlsplit(landing or "").query, max_num_fields=50)
    except ValueError:
        query = []
    found: dict[str, Any] = {
        "channel": part.text("source_name"),
        "landing": landing,
        "referrer": part.text("referring_site", 1000),
        "utm": {name.removeprefix("utm_"): value[:200] for name, value in query if name.startswith("utm_")},
    }
    return {name: value for name, value in found.items() if value} or None


def person_of(part: Part) -> Person | None:
    """Whose a checkout or an order is."""
    customer = part.part("customer")
    external_id = customer.id("id") if customer else None
    email = (customer and customer.text("email", 320)) or part.text("email", 320) or part.text("contact_email", 320)
    return Person(external_id=external_id, email=email) if external_id or email else None
