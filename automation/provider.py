"""The contract of a provider: the service that takes our mails and tells what became of them.

A provider is one file in `automation/providers/`, built as `Kind(settings, http)`. Near its top stands a literal
table "their word → ours". What is kept of its limits is declared here (`rate`, `quota`); keeping to them, retries,
warm-up and fail-over belong to the deliver stage.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from automation.errors import SendError
from automation.source import Envelope, Request, Source, SourceSettings, read_json

__all__ = [
    "Accepted",
    "DomainRecords",
    "Envelope",
    "Mail",
    "Outcome",
    "Provider",
    "ProviderSettings",
    "Quota",
    "Rate",
    "Request",
    "read_json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One rendered mail to one recipient."""

    message_id: str
    """Our public id; goes into the provider's metadata and comes back in its events."""
    from_email: str
    from_name: str
    to_email: str
    to_name: str
    reply_to: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """List-Unsubscribe pair, List-ID, Feedback-ID; never From, To or Subject."""
    mail_class: str = "promotional"
    campaign: str = ""
    """Our public id of the campaign, for the provider's own statistics."""
    dated_at: datetime | None = None
    """When it was first rendered, for providers that want a Date; the others write their own."""


@dataclass(frozen=True, slots=True)
class DomainRecords:
    """What a provider asks of the sender's domain in DNS, as far as it is the same for all its customers."""

    selectors: tuple[str, ...] = ()
    """DKIM selectors it signs with, one of which must be there; empty where each customer gets their own."""
    spf_include: str = ""
    """What the SPF record must include; empty where the provider sends with a domain of its own."""
    bounce: str = ""
    """Label of the subdomain that bounces come back to, where SPF is looked at instead."""
    bounce_target: str = ""
    """What that subdomain must be a CNAME of; without it, it has an SPF record of its own."""
    where: str = ""
    """Where the provider's site shows its records."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the mail. Its id is empty where it is known only that it did."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a provider takes mails: tokens a second, most at once, and what takes one."""

    per_second: float
    burst: int
    of: Literal["mails", "requests"] = "mails"
    """For a provider with one mail in a request, both are the same."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may send, as the provider tells it."""

    per_second: float | None
    words: str
    """For people: at most 200 letters."""


Outcome = Accepted | SendError
"""What happened to one mail of a batch; errors are values here, raised only for a whole batch."""


class ProviderSettings(SourceSettings):
    """What a person fills in to connect a provider."""


class Provider(Source):
    """A connected provider.

    `guarantee` says how a request without an answer is resolved: "A" by sending the same batch under the same
    idempotency key, "B" by asking for our ids after a while, "C" only by the provider's events.
    """

    guarantee: ClassVar[Literal["A", "B", "C"]]
    batch_size: ClassVar[int]
    """Most mails in one call of `send`: in one request, for those whose batches may hold different bodies."""
    batch_bytes: ClassVar[int] = 40_000_000
    """Most bytes in one request."""
    key_window: ClassVar[timedelta] = timedelta(hours=23)
    """Class A only: how long after a batch it may be sent again under its key; an hour less than a day for most."""

    records: ClassVar[DomainRecords] = DomainRecords()
    """What the sender's domain must say for mails that leave through it."""
    rate: ClassVar[Rate | None] = None
    """How fast it takes mails before it says otherwise, where that is known; None sets no limit."""
    has_quota: ClassVar[bool] = False
    """Whether `quota` can be asked."""

    @abstractmethod
    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        """Hand over a batch of at most `batch_size`; one outcome per mail, in order.

        `key` is the same whenever the same batch is sent again. Raises Later, Misconfigured, Refused or Unsure
        when it concerns the whole batch: Unsure for anything that may have happened after the request left.
        """

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:
        """Class B only: for each of our ids, what the provider has under it, or None if it has nothing.

        An id that the provider could not be asked about is left out. Raises SendError when none could.
        """
        raise NotImplementedError(f"{self.label} has no look-up")

    def quota(self) -> Quota:
        """What the account may send; asked about once an hour. Raises SendError when the provider does not say."""
        raise NotImplementedError(f"{self.label} tells no quota")

    @abstractmethod
    def check(self) -> str:
        """Try the settings without sending to anybody; a sentence for the person who pressed the button.

        Raises Misconfigured or Later.
        """
