"""What a person fills in to connect a BigCommerce shop."""

from __future__ import annotations

from pydantic import Field, SecretStr

from automation.changes import Currency
from automation.platform import PlatformSettings
from automation.security import random_token
from automation.source import ServiceUrl, Token


class BigCommerceSettings(PlatformSettings):
    store_hash: str = Field(
        pattern=r"^[a-z0-9]{4,40}$", description="The shop's name in the API path, as in …/stores/abc123/v3/."
    )
    access_token: Token = Field(description="Access token of an API account that may read all and manage marketing.")
    client_secret: SecretStr | None = Field(
        None, description="Client secret of the API account; it signs the webhooks of an app."
    )
    hook_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(random_token()),
        min_length=16,
        description="Travels in a header of the webhooks that Cartwheel adds; made up if you leave it out.",
    )
    currency: Currency = Field("USD", description="The shop's currency; its products do not name it.")
    shop_url: str = Field(
        "", max_length=500, description="Where customers shop, such as https://shop.example.com; for products' links."
    )
    birthday_field: str = Field(
        "",
        max_length=100,
        description="Name of the form field that holds a customer's birthday.",
        json_schema_extra={"advanced": True},
    )
    base_url: ServiceUrl = Field(
        "https://api.bigcommerce.com", description="Address of the API.", json_schema_extra={"advanced": True}
    )
