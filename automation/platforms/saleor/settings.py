"""What a person fills in to connect Saleor."""

from __future__ import annotations

from pydantic import Field, SecretStr

from automation.changes import Currency
from automation.platform import PlatformSettings
from automation.source import ShopUrl, Token


class SaleorSettings(PlatformSettings):
    api_url: ShopUrl = Field(
        description="Address of Saleor's GraphQL API, such as https://shop.example.com/graphql/.",
    )
    app_token: Token | None = Field(
        None, description="Token of an app that may manage orders, customers, products, checkouts and discounts."
    )
    hook_secret: SecretStr | None = Field(
        None,
        description="Secret key of webhooks that were made by hand; those without one are signed by the shop itself.",
        json_schema_extra={"advanced": True},
    )
    channel: str = Field("", max_length=64, description="Slug of the channel whose prices count and codes are for.")
    currency: Currency = Field("USD", description="Currency of the channel.")
    storefront_url: str = Field("", max_length=500, description="Where customers shop; for products' links.")
    recovery_url: str = Field(
        "",
        max_length=500,
        pattern=r"^(https://[^\s]*\{checkout\}[^\s]*)?$",
        description="Where a checkout goes on, with {checkout} for its id: https://shop.example.com/checkout?id={checkout}.",
    )
