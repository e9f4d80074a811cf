"""Mail addresses: what is one, when two are the same, and how one is written beside a name."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from automation.errors import Unreadable


@lru_cache(maxsize=10_000)
def normal_form(email: str) -> str:
    """The unique normal form: NFC, lower case, the domain in ASCII.

    Raises Unreadable for what is not an address that can be mailed: also one that begins with a dash (some mail
    programs would take it for an option) or holds control characters.
    """
    email = unicodedata.normalize("NFC", email.strip())
    if email.startswith("-"):
        raise Unreadable("An address may not begin with a dash.")
    try:
        found = validate_email(email, check_deliverability=False, allow_smtputf8=True, strict=True)
    except EmailNotValidError as error:
        raise Unreadable(f"Not a mail address: {error}") from error
    return f"{found.local_part.lower()}@{(found.ascii_domain or found.domain).lower()}"


def key_of(email: str | None) -> str | None:
    """The normal form, or None for nothing or for what is no address."""
    if not email:
        return None
    try:
        return normal_form(email)
    except Unreadable:
        return None


def written(name: str, email: str) -> str:
    """An address with its name, as a mail's From and To show it: `"Wren & Thistle" <hello@wren.example.com>`."""
    if not name:
        return email
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{email}>'
