"""Links in mails: one signed token per message, a number per link, a signature per dynamic target.

    /c/{token}/{number}               a link whose target stands in the template version
    /c/{token}/{number}?u=…&s=…       a link whose target was computed: `s` signs the target alone
    /o/{token}.gif                    the open pixel
    /u/{token}                        unsubscribe
    /v/{token}                        the mail in a browser
    /l/{token}                        the reader's points
    /r/{token}/{score}                a score, from 0 to 10
    /y/{token}                        confirm the sign-up that the mail asks about
    /p/{token}                        what the reader wants to get, and how often

A token names a message and proves that we made it; it never expires, since an unsubscribe link must not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the render children need nothing of it, and it is slow to import
    from automation.security import Keyring

_MAC_LETTERS = 22
"""128 bits in base64url without padding."""

PROVIDED = ("unsubscribe_url", "browser_url", "confirm_url", "preferences_url", "points_url", "rating_url")
"""Names that every template has, and whose links are never rewritten."""


def key_of(keyring: Keyring) -> bytes:
    """The key of everything in this file."""
    return keyring.derive("links")


def _mac(key: bytes, purpose: bytes, text: str) -> str:
    digest = hashlib.blake2b(text.encode(), key=key, digest_size=16, person=purpose).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def token(key: bytes, public_id: str) -> str:
    """The token of a message: its public id and a signature, all of it safe in a URL."""
    return public_id + _mac(key, b"message", public_id)


def read_token(key: bytes, token: str) -> str | None:
    """The public id of the message that a token names, or None when we did not make it."""
    public_id, mac = token[:-_MAC_LETTERS], token[-_MAC_LETTERS:]
    if not public_id or not mac.isascii() or len(token) > 200:
        return None
    return public_id if hmac.compare_digest(mac, _mac(key, b"message", public_id)) else None


@lru_cache(maxsize=20_000)
def sign_target(key: bytes, url: str) -> str:
    """The signature of a link's target."""
    return _mac(key, b"target", url)


def is_target(key: bytes, url: str, signature: str) -> bool:
    """Whether we signed this target; anything else must not be redirected to."""
    return signature.isascii() and hmac.compare_digest(signature, _mac(key, b"target", url))


def target_of(stored: Iterable[Mapping[str, Any]], number: int) -> str | None:
    """The target of a static link, from a template version's `links`; None for a dynamic or unknown one."""
    for link in stored:
        if link["number"] == number:
            return None if link.get("is_dynamic") else str(link["url"])
    return None


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one message."""

    click: str
    """A link's number follows."""
    pixel: str
    unsubscribe: str
    browser: str
    points: str
    rating: str
    """A slash and the score follow."""
    confirm: str
    preferences: str


def addresses(base_url: str, token: str) -> Addresses:
    """Where one message's links lead; `base_url` without a slash at its end."""
    return Addresses(
        click=f"{base_url}/c/{token}/",
        pixel=f"{base_url}/o/{token}.gif",
        unsubscribe=f"{base_url}/u/{token}",
        browser=f"{base_url}/v/{token}",
        points=f"{base_url}/l/{token}",
        rating=f"{base_url}/r/{token}",
        confirm=f"{base_url}/y/{token}",
        preferences=f"{base_url}/p/{token}",
    )
