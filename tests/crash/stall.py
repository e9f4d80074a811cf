"""A shop of our own: its webhooks, its API with pages of orders, and the codes that it makes for offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson

from automation.changes import Change, ConsentChanged, CustomerChanged, EventHappened, OrderChanged, Person
from automation.errors import BadSignature, Later
from automation.platform import CodeTerms, Envelope, Page, Platform, PlatformSettings, Request


class StallSettings(PlatformSettings):
    """Where the fake shop listens."""

    url: str


def visit(number: int, at: datetime) -> list[Change]:
    """Somebody comes, agrees to mails, does what starts the campaign, and buys something."""
    who = Person(external_id=f"v{number}")
    return [
        CustomerChanged(external_id=f"v{number}", email=f"visit-{number}@example.com", first_name=f"V{number}"),
        ConsentChanged(person=who, status="granted", at=at),
        EventHappened(name="began", person=who, at=at, external_id=f"e{number}"),
        _order(f"v{number}", who, at),
    ]


def _order(external_id: str, who: Person, at: datetime) -> OrderChanged:
    return OrderChanged(
        external_id=external_id, person=who, currency="EUR", subtotal=1000, total=1000, placed_at=at, paid_at=at
    )


class Stall(Platform):
    """A market stall."""

    kind = "stall"
    label = "Stall"
    Settings = StallSettings
    topics = frozenset({"visit"})
    code_batch = 10
    reconciled_every = timedelta(minutes=2)

    @property
    def has_api(self) -> bool:
        return True

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        body = orjson.loads(envelope.body)
        return visit(body["number"], datetime.fromisoformat(body["at"]))

    def fetch(self, envelope: Envelope) -> Envelope:
        found = self._ask("/s/fetch", orjson.loads(envelope.body))
        return replace(envelope, body=orjson.dumps(found), is_bare=False)

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        found = self._ask("/s/pull", {"since": since.isoformat() if since else None, "cursor": cursor})
        changes = [
            _order(one["id"], Person(email=f"{one['id']}@example.com"), datetime.fromisoformat(one["at"]))
            for one in found["orders"]
        ]
        return Page(changes, found["cursor"])

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> Sequence[str]:
        made: list[str] = self._ask("/s/codes", {"offer": terms.offer_id, "codes": list(codes)})
        return made

    def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = self.http.post(self.settings.url + path, json=body)
        except httpx.HTTPError as error:
            raise Later(f"no answer: {type(error).__name__}", after=timedelta(seconds=30)) from error
        if answer.status_code != 200:
            raise Later(f"answer {answer.status_code}", after=timedelta(seconds=30))
        return answer.json()
