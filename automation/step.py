"""The contract of a step: what a campaign's flow does with a customer at one point.

A step is one file in `automation/steps/`. It is given everybody who is due at it at once and answers a move for
each; what it does to the world it asks of the `Desk`, which writes in bulk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Place:
    """An enrolment that is due at a step."""

    enrolment_id: int
    customer_id: int
    timezone: str
    """The customer's zone, or the store's."""
    due_at: datetime
    """When it was to be taken; waits count from here."""
    anchor_at: datetime
    subject_id: int | None


@dataclass(frozen=True, slots=True)
class Next:
    """Go on to the following step, or into a named branch of this one."""

    branch: str | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Come back to the following step at an instant."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the campaign, for a reason in words."""

    reason: str


Move = Next | WaitUntil | Exit


class Desk(Protocol):
    """What a step may ask for; written in bulk when the batch is done."""

    session: Session
    now: datetime

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        """Draft a message of the campaign's class and topic."""


class StepSettings(BaseModel):
    """A step's form in the UI."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(ABC):
    """A kind of step; its docstring is its help page."""

    kind: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    """Name of a Tabler icon."""
    Settings: ClassVar[type[StepSettings]]
    branches: ClassVar[tuple[str, ...]] = ()
    """Names of the branches that may hang below it."""

    @abstractmethod
    def take(self, places: Sequence[Place], step_id: str, settings: Any, desk: Desk) -> Mapping[int, Move]:
        """A move for each place, by enrolment id. A constant number of statements, however many there are."""

    def sentence(self, settings: Any) -> str:  # noqa: ARG002  most kinds have something to say of theirs
        """The step in a few words, for the flow's picture."""
        return self.label
