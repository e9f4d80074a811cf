"""Three provider kinds, one of each class, that speak to the fake provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from automation.changes import Change
from automation.clock import stopwatch
from automation.errors import BadSignature, Later, Refused, Unsure
from automation.provider import Accepted, Envelope, Mail, Outcome, Provider, ProviderSettings, Request

TIMEOUT = 0.5
"""Seconds: together with what the provider may be late, well below the settle delay."""


class FakeSettings(ProviderSettings):
    """Where the fake provider listens."""

    url: str


class _Fake(Provider):
    Settings = FakeSettings

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:  # noqa: ARG002  as above
        return []

    def check(self) -> str:
        return "It is there."

    def _post(self, path: str, body: Any, key: str) -> Any:
        headers = {"X-Sent-At": f"{stopwatch():.4f}", "Idempotency-Key": key}
        try:
            answer = self.http.post(self.settings.url + path, json=body, headers=headers)
        except httpx.ConnectError as error:
            raise Later("no connection", after=timedelta(seconds=15)) from error
        except httpx.HTTPError as error:
            raise Unsure(f"no answer: {type(error).__name__}") from error
        if answer.status_code == 429:
            raise Later("too many", after=timedelta(seconds=15))
        if answer.status_code == 422:
            raise Refused("one of them is no good")
        if answer.status_code != 200:
            raise Unsure(f"answer {answer.status_code}")
        return answer.json()

    def _batch(self, path: str, mails: Sequence[Mail], key: str) -> list[Outcome]:
        body = [{"message_id": m.message_id, "to": m.to_email, "hash": hash_of(m)} for m in mails]
        return [Accepted(found["id"]) for found in self._post(path, body, key)]


def hash_of(mail: Mail) -> str:
    """Something that differs when the mail does."""
    return f"{len(mail.html)}:{mail.subject}"


class Keyed(_Fake):
    """Class A: the same key, the same answer."""

    kind = "keyed"
    label = "Keyed"
    guarantee = "A"
    batch_size = 5

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        return self._batch("/a/batch", mails, key)


class Searchable(_Fake):
    """Class B: it can be asked."""

    kind = "searchable"
    label = "Searchable"
    guarantee = "B"
    batch_size = 5

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        return self._batch("/b/batch", mails, key)

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:  # noqa: ARG002  as above
        try:
            found = self._post("/b/find", list(message_ids), "")
        except Unsure as error:
            raise Later(str(error)) from error
        return {i: Accepted(p) if p else None for i, p in found.items()}


class Silent(_Fake):
    """Class C: it takes mails and says no more."""

    kind = "silent"
    label = "Silent"
    guarantee = "C"
    batch_size = 1

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        return self._batch("/c/send", mails, key)


KINDS: Mapping[str, type[Provider]] = {k.kind: k for k in (Keyed, Searchable, Silent)}
