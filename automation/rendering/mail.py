"""The three shapes of a mail: as it is written, as it is compiled, as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSource:
    """What an author writes. All parts are Jinja source; `mjml` is MJML with Jinja in it."""

    subject: str
    mjml: str
    text: str | None = None
    """The plain-text part; None derives it from the HTML."""
    includes: Mapping[str, str] = field(default_factory=dict)
    """Files that <mj-include path="…"> may name, by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link of a compiled mail. `url` is Jinja source when `is_dynamic`."""

    number: int
    url: str
    label: str
    is_dynamic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a template version stores: Jinja source again, but of HTML, with links as filters."""

    subject: str
    mjml: str
    """The source with its includes resolved."""
    html: str
    text: str
    preheader: str
    links: tuple[Link, ...]
    names: tuple[str, ...]
    """Top-level names used; only these are loaded and stored per message."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished mail's three parts."""

    subject: str
    html: str
    text: str
