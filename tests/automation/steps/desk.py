"""A desk and places for testing steps without a database."""

from __future__ import annotations

from typing import Any

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
    """Remembers what was drafted."""

    session: Any = None
    now = NOW

    def __init__(self) -> None:
        self.drafts: list[tuple[int, str, int]] = []

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        self.drafts.append((place.customer_id, step_id, template_version_id))
