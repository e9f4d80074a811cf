"""A desk and places for testing steps without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from automation.models import Record
from automation.rules.language import Filter, Rule
from automation.step import Place
from tests.conftest import NOW


def place(number: int, **values: Any) -> Place:
    """A customer who is due at a step."""
    defaults: dict[str, Any] = {
        "enrolment_id": number,
        "customer_id": number,
        "timezone": "Europe/Berlin",
        "due_at": NOW,
        "anchor_at": NOW,
        "subject_id": None,
    }
    return Place(**{**defaults, **values})


class Desk:
    """Remembers what was asked for; tests say for whom rules hold and to whom something happened."""

    session: Any = None
    now = NOW
    store_id = 1
    campaign_id = 1
    version_id = 1

    def __init__(self, *, holds: Sequence[int] = (), happened: Mapping[int, datetime] | None = None) -> None:
        self.drafts: list[tuple[int, str, int]] = []
        self.kept: list[tuple[type[Record], Mapping[str, Any]]] = []
        self.tags: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = []
        self.attributes: list[tuple[int, str, Any]] = []
        self.asked: list[Any] = []
        self.picks: list[tuple[int, str, str]] = []
        self._holds = set(holds)
        self._happened = dict(happened or {})

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        self.drafts.append((place.customer_id, step_id, template_version_id))

    def keep(self, model: type[Record], row: Mapping[str, Any]) -> None:
        self.kept.append((model, row))

    def holding(self, places: Sequence[Place], rule: Rule) -> set[int]:
        self.asked.append(rule)
        return self._holds & {place.enrolment_id for place in places}

    def happened(self, places: Sequence[Place], event: str, where: Sequence[Filter] = ()) -> dict[int, datetime]:
        self.asked.append((event, tuple(where)))
        return {p.enrolment_id: self._happened[p.enrolment_id] for p in places if p.enrolment_id in self._happened}

    def tag(self, place: Place, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        self.tags.append((place.customer_id, tuple(add), tuple(remove)))

    def set_attribute(self, place: Place, name: str, value: Any) -> None:
        self.attributes.append((place.customer_id, name, value))

    def pick(self, place: Place, step_id: str, arm: str) -> None:
        self.picks.append((place.customer_id, step_id, arm))
