"""Is it from the shop? Signed by a key that the shop publishes (RFC 7515, 7797), or with a secret, as of old."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from automation.errors import BadSignature, Later, Misconfigured
from automation.http_answers import ask, looked_up
from automation.security import same

ASKED_AGAIN = timedelta(minutes=5)
"""A key that is not known is looked for this often at most: whoever makes names up must not have us ask for each."""
LEFT_ALONE = timedelta(seconds=10)
"""After a look-up that failed, nobody's webhook makes us ask again for so long."""
KEPT = timedelta(days=1)
"""Keys are asked for anew after this, so that one that was withdrawn counts no longer."""
_MOST_KEYS = 20


class Keys:
    """The keys that a shop signs with, as it publishes them beside its API."""

    def __init__(self, http: httpx.Client, api_url: str) -> None:
        parts = urlsplit(api_url)
        self._http = http
        self._url = f"{parts.scheme}://{parts.netloc}/.well-known/jwks.json"
        self._keys: dict[str, RSAPublicKey] = {}
        self._asked_at: datetime | None = None
        self._failed_at: datetime | None = None

    def find(self, name: str, now: datetime) -> list[RSAPublicKey]:
        """The key of this name, or all where a signature names none. Raises Later when the shop does not answer."""
        if self._failed_at is not None and timedelta(0) <= now - self._failed_at < LEFT_ALONE:
            raise Later(f"{self._url} did not answer just now.")
        age = now - self._asked_at if self._asked_at else None
        if age is None or age > KEPT or age < timedelta(0) or (name not in self._keys and age > ASKED_AGAIN):
            try:
                said = looked_up(ask(self._http, "GET", self._url, headers={"Accept": "application/json"}))
            except (Later, Misconfigured) as error:  # the shop repeats itself when it is told "later"
                self._failed_at = now
                raise Later(f"{self._url}: {error}") from error
            self._keys, self._asked_at, self._failed_at = _read(said), now, None
        return list(self._keys.values()) if not name else [self._keys[name]] if name in self._keys else []


def _read(said: Any) -> dict[str, RSAPublicKey]:
    listed = said.get("keys") if isinstance(said, dict) else None
    found: dict[str, RSAPublicKey] = {}
    for number, key in enumerate(listed[:_MOST_KEYS] if isinstance(listed, list) else ()):
        if not isinstance(key, dict) or key.get("kty") != "RSA" or key.get("use", "sig") != "sig":
            continue
        try:
            modulus, exponent = (int.from_bytes(_bytes(str(key.get(name)))) for name in ("n", "e"))
            if modulus.bit_length() >= 2048:
                found[str(key.get("kid") or number)] = RSAPublicNumbers(exponent, modulus).public_key()
        except (ValueError, binascii.Error):
            continue
    return found


def check(given: str, body: bytes, keys: Keys, secret: str, now: datetime) -> None:
    """Raises BadSignature for a body that is not signed by the shop, Later when that cannot be found out now."""
    if secret and re.fullmatch(r"[0-9A-Fa-f]{64}", given):
        if not same(hmac.new(secret.encode(), body, "sha256").hexdigest(), given.lower()):
            raise BadSignature
        return
    # Once a secret is set, only what it signed counts: not what the same shop signed for others.
    parts = given.split(".") if not secret and len(given) <= 5000 else []
    if len(parts) != 3 or parts[1]:
        raise BadSignature
    try:
        head = orjson.loads(_bytes(parts[0]))
        signature = _bytes(parts[2])
    except (ValueError, binascii.Error) as error:
        raise BadSignature from error
    content = _content(head, parts[0], body)
    if not any(_is_by(key, signature, content) for key in keys.find(str(head.get("kid") or ""), now)):
        raise BadSignature


def _content(head: Any, encoded: str, body: bytes) -> bytes:
    """What was signed. Raises BadSignature for a header that promises something we do not know."""
    if not isinstance(head, Mapping) or head.get("alg") != "RS256" or set(_listed(head.get("crit"))) - {"b64"}:
        raise BadSignature
    is_encoded = head.get("b64", True) is not False
    return encoded.encode() + b"." + (base64.urlsafe_b64encode(body).rstrip(b"=") if is_encoded else body)


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else ["?"]


def _is_by(key: RSAPublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    """Base64url without its padding. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("no base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
