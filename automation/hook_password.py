"""User and password in a webhook's address: what providers that sign nothing can bring along.

Whoever is given `https://user:password@host/…` sends the two as HTTP Basic authentication (RFC 7617).
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, SecretStr, StringConstraints

from automation.errors import BadSignature
from automation.security import same
from automation.source import Request


def _fits_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < 12 or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise ValueError("at least 12 letters, digits, - or _, because it stands in an address")
    return value


HookPassword = Annotated[SecretStr, AfterValidator(_fits_url)]
"""A password that can stand in an address."""
HookUser = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def address(url: str, user: str, password: SecretStr) -> str:
    """The address of a webhook with user and password in it."""
    at = urlsplit(url)
    return urlunsplit(at._replace(netloc=f"{user}:{password.get_secret_value()}@{at.netloc}"))


def verify(request: Request, user: str, password: SecretStr, label: str) -> None:
    """Raises BadSignature unless a request brings user and password along."""
    expected = f"{user}:{password.get_secret_value()}".encode()
    if not same(_credentials(request.headers.get("authorization", "")), expected):
        raise BadSignature(f"User or password of {label}'s webhook is missing or wrong.")


def _credentials(header: str) -> bytes:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
