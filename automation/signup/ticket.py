"""A form's ticket: proves that its page was looked at before it was sent, and for how long."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from automation.security import Keyring

LEAST = timedelta(seconds=2)
"""Nobody fills in a form faster."""
MOST = timedelta(hours=24)
"""After this the page has to be loaded again."""


def issue(keyring: Keyring, form_id: str, now: datetime) -> str:
    """A ticket for a form that is shown now."""
    at = f"{now.timestamp() * 1000:.0f}"
    return f"{at}.{_mac(keyring, form_id, at)}"


def age(keyring: Keyring, form_id: str, ticket: str, now: datetime) -> timedelta | None:
    """How long ago it was issued; None for a forged one, and for one that is too old."""
    at, _, mac = ticket.partition(".")
    is_ours = at.isascii() and at.isdigit() and len(at) < 20 and mac.isascii()
    if not is_ours or not hmac.compare_digest(mac, _mac(keyring, form_id, at)):
        return None
    found = now - datetime.fromtimestamp(int(at) / 1000, UTC)
    return found if timedelta(0) <= found + timedelta(seconds=1) and found <= MOST else None


def _mac(keyring: Keyring, form_id: str, at: str) -> str:
    return hashlib.blake2b(f"{form_id}:{at}".encode(), key=keyring.derive("forms"), digest_size=16).hexdigest()
