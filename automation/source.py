"""What platforms and providers share: both speak to us by webhooks.

Opening a request verifies it; only an opened request has an `Envelope`, and only an envelope can be translated.
So a signature check cannot be forgotten, and what is stored between the two was verified.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints

from automation.changes import Change
from automation.errors import NotAllowed, Unreadable


def _printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text.isascii() or any(not c.isprintable() or c == " " for c in text):
        raise ValueError("this holds a blank or a letter that no key has; was it copied whole?")
    return SecretStr(text)


Token = Annotated[SecretStr, AfterValidator(_printable)]
"""A key or token as it travels in a header: visible ASCII; blanks around it are dropped."""
ServiceUrl = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=500,
        pattern=r"^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?$",
    ),
]
"""Where a service's API lives; without TLS only on this machine."""


def _public(url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    if url.startswith("http://"):
        return url
    try:
        is_public = ip_address(host).is_global
    except ValueError:
        is_public = "." in host.rstrip(".") and not host.endswith((".local", ".internal", ".localhost"))
    if not is_public:
        raise ValueError("this is an address of a private network; a shop has a public one")
    return url.rstrip("/")


ShopUrl = Annotated[ServiceUrl, AfterValidator(_public)]
"""Where a shop lives: a public https address, or this machine. Without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook as it came in: the raw bytes, and headers whose names are lower case."""

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified webhook: what is stored, and later translated."""

    delivery_id: str
    """The dedupe key: the sender's id of this delivery, or a hash of the body."""
    topic: str
    body: bytes
    triggered_at: datetime | None = None
    is_bare: bool = False
    """True when the body only names what it is about, and that must be fetched before it can be translated."""


class SourceSettings(BaseModel):
    """The settings a person fills in to connect a source; fields hold secrets as SecretStr."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(ABC):
    """One connected platform or provider."""

    kind: ClassVar[str]
    """The file's name; set by discovery."""
    label: ClassVar[str]
    """Its name as people write it."""
    Settings: ClassVar[type[SourceSettings]]
    topics: ClassVar[frozenset[str]] = frozenset()
    """Topics that `translate` knows; others are accepted, counted and ignored."""

    def __init__(self, settings: Any, http: httpx.Client) -> None:
        self.settings = settings
        self.http = http

    topic_field: ClassVar[str] = ""
    """The field of the body that names the topic, for those who say it there and not in a header."""

    def topic_in(self, body: Any) -> str:
        """The topic that a parsed body names. Raises Unreadable when it should and does not."""
        topic = body.get(self.topic_field) if isinstance(body, dict) else None
        if not isinstance(topic, str) or not topic:
            raise Unreadable(f"{self.topic_field} is missing; {self.label}'s webhooks say there what they are about.")
        return topic[:128]

    @abstractmethod
    def open(self, request: Request, now: datetime) -> Envelope:
        """Verify a webhook and read what identifies it.

        Raises BadSignature when it is not from who it claims to be, Unreadable when it is not what it says it is.
        """

    def hook_url(self, url: str) -> str:
        """The address to enter at the other end: ours, with what `open` expects to find in it."""
        return url

    def check(self) -> str:
        """Try the settings without sending or changing anything; a sentence for the person who pressed the button.

        Raises Misconfigured or Later, NotAllowed where there is nothing to ask.
        """
        raise NotAllowed(f"{self.label} speaks to us, not we to it.")

    def challenge(self, request: Request) -> str | None:  # noqa: ARG002  the contract's signature
        """What to answer a GET that asks whether anybody lives at this address; None for no answer."""
        return None

    @abstractmethod
    def translate(self, envelope: Envelope) -> list[Change]:
        """Say in our words what a verified webhook says in theirs. Pure: no network, no clock, no database.

        Raises Unreadable naming what is missing or wrong, and where.
        """


def read_json(body: bytes) -> Any:
    """Parse JSON. Raises Unreadable saying what is wrong and where."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}.") from error
