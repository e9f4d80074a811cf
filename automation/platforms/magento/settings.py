"""What a person fills in to connect Magento or Adobe Commerce."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, SecretStr, field_validator

from automation.changes import Currency
from automation.platform import PlatformSettings
from automation.source import ShopUrl, Token


def read_key(pem: str) -> RSAPublicKey:
    """A public key. Raises ValueError."""
    found = load_pem_public_key(pem.encode())
    if not isinstance(found, RSAPublicKey):
        raise ValueError("no RSA key")  # noqa: TRY004  pydantic reports ValueError
    return found


class MagentoSettings(PlatformSettings):
    shop_url: ShopUrl = Field(description="The shop's address, such as https://shop.example.com.")
    access_token: Token | None = Field(
        None, description="Access token of an integration (System → Integrations) that may read sales, carts, catalog."
    )
    store_view: str = Field("all", pattern=r"^[A-Za-z0-9_]{1,64}$", description="Code of the store view to ask.")
    currency: Currency = Field("USD", description="The shop's currency; its products do not name it.")
    client_id: SecretStr | None = Field(
        None, description="Client ID of the project in Adobe's developer console, if events come from there."
    )
    public_key: str = Field(
        "",
        max_length=5000,
        description="Public key of Adobe Commerce webhooks (-----BEGIN PUBLIC KEY-----), if those are used.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("public_key")
    @classmethod
    def _is_key(cls, value: str) -> str:
        value = value.strip()
        if value:
            try:
                read_key(value)
            except ValueError as error:
                raise ValueError("this is no RSA public key in PEM form") from error
        return value
