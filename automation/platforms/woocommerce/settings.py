"""What a person fills in to connect a WooCommerce shop."""

from __future__ import annotations

from pydantic import Field, SecretStr

from automation.changes import Currency
from automation.platform import PlatformSettings
from automation.security import random_token
from automation.source import ShopUrl, Token


class WooSettings(PlatformSettings):
    shop_url: ShopUrl = Field(description="The shop's address, such as https://shop.example.com.")
    webhook_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(random_token()),
        description="The secret of the webhooks; made up if you leave it out. Needed when you add them by hand.",
    )
    consumer_key: Token | None = Field(None, description="Key of the REST API (ck_…), with read and write access.")
    consumer_secret: Token | None = Field(None, description="Its secret (cs_…).")
    currency: Currency = Field("EUR", description="The shop's currency; its products do not name it.")
    consent_field: str = Field(
        "",
        max_length=100,
        description="Name of the order's or customer's custom field that holds the consent to mails, if a plugin "
        "writes one.",
        json_schema_extra={"advanced": True},
    )
    birthday_field: str = Field(
        "",
        max_length=100,
        description="Name of the customer's custom field that holds the birthday (1990-12-31).",
        json_schema_extra={"advanced": True},
    )
