"""The contract of a value: one top-level name that mails may use, and where what stands under it comes from.

A value is one file in `automation/rendering/values/`; its file's name is the name in the mail: `values/order.py`
fills `{{ order.total }}`. It is loaded for a whole batch of messages in a constant number of statements, and only for
the messages whose template uses the name. What it answers is plain JSON (money in minor units, dates and instants in
ISO form), because it is stored with the message and must give the same mail again years later.

A message of a campaign is about a row: its `subject_id`, which is the enrolment's. Which table that is an id of says
the trigger's `subject`; `Batch.about` gives the ids of one kind. Nobody may be shown what is another customer's, so
each value that reads by a subject's id also compares the customer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.models import CampaignVersion, Enrolment, Message, Store
from automation.times import local_date, zone
from automation.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Origin:
    """What started the campaign that a message belongs to."""

    kind: str
    """The trigger's."""
    subject: str
    """What `subject_id` is an id of; see `Trigger.subject`."""
    settings: Mapping[str, Any]
    """The trigger's settings as the version keeps them."""


@dataclass(frozen=True)
class Batch:
    """Messages of one load, with what every mail needs and is therefore at hand without another statement."""

    session: Session
    """For reading only."""
    now: datetime
    messages: Sequence[Message]
    stores: Mapping[int, Store]
    customers: Mapping[int, Any]
    """By id: id, email, names, locale, timezone, country, city and birthday of each."""
    campaigns: Mapping[int, Any]
    """By id: id, public_id and name of each."""
    triggers: Mapping[str, Trigger]

    @cached_property
    def origins(self) -> dict[int, Origin]:
        """What started each campaign version, by the version's id; one statement, at the first use."""
        ids = sorted({m.version_id for m in self.messages if m.version_id})
        if not ids:
            return {}
        found = select(CampaignVersion.id, CampaignVersion.definition["trigger"].label("trigger"))
        origins = {}
        for row in self.session.execute(found.where(CampaignVersion.id.in_(ids))):
            kind = row.trigger["kind"]
            subject = self.triggers[kind].subject if kind in self.triggers else ""
            origins[row.id] = Origin(kind, subject, row.trigger.get("settings", {}))
        return origins

    @cached_property
    def enrolments(self) -> dict[int, Any]:
        """Key and `anchor_at` of each enrolment, by its id; one statement, at the first use."""
        ids = sorted({m.enrolment_id for m in self.messages if m.enrolment_id})
        if not ids:
            return {}
        found = select(Enrolment.id, Enrolment.key, Enrolment.anchor_at).where(Enrolment.id.in_(ids))
        return {row.id: row for row in self.session.execute(found)}

    def origin(self, message: Message) -> Origin | None:
        """What started the campaign of a message; None for a message of no campaign."""
        return self.origins.get(message.version_id) if message.version_id else None

    def about(self, messages: Iterable[Message], *subjects: str) -> dict[int, int]:
        """The subject's id of each message that is about one of `subjects` ("cart", "order" …), by message id."""
        origins = self.origins
        found = {}
        for m in messages:
            if m.subject_id and m.version_id and m.version_id in origins and origins[m.version_id].subject in subjects:
                found[m.id] = m.subject_id
        return found

    def zone(self, message: Message) -> ZoneInfo:
        """The recipient's zone, or the store's."""
        return zone(self.customers[message.customer_id].timezone or self.stores[message.store_id].timezone)

    def today(self, message: Message) -> date:
        """The date where the recipient lives."""
        return local_date(self.now, self.zone(message))


class Value(ABC):
    """A top-level name of mails; its docstring is its line in the list of names."""

    kind: ClassVar[str]
    """The name; the file's."""

    @abstractmethod
    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        """Read what `messages` (those of the batch that use the name) need; answers what gives each its value.

        A constant number of statements, however many messages there are. The answered function is called once per
        message and must cost next to nothing: look up what is ready, share one dict among messages where it is the
        same. A message that the value has nothing for gets an empty one of the same shape, never an error.
        """
