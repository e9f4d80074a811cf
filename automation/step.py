"""The contract of a step: what a campaign's flow does with a customer at one point.

A step is one file in `automation/steps/`. It is given everybody who is due at it at once and answers a move for
each; what it does to the world it asks of the `Desk`, which writes in bulk. It never touches the network: what has
to leave is left with the desk and carried out by a stage of its own.

**Nothing twice.** A batch is one transaction: it is done wholly or not at all. A flow that goes in a circle brings
an enrolment to a step again; what is done once per enrolment is kept under (enrolment, step, round). The round only
rises where a go-to step says that things shall be done again, so a row with that key, inserted with "leave out what
is known" (`Desk.keep`), is all that a step needs to keep the promise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from automation.models import Record
from automation.rules.language import Filter, Rule
from automation.rules.scope import Scope


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
    round: int = 1
    """Goes up where the flow says that what was done shall be done again."""
    arrived_at: datetime | None = None
    """When it came to this step, where that is not `due_at`."""
    is_back: bool = False
    """It stayed at this step and is asked again."""
    jumps: Mapping[str, int] = field(default_factory=dict)
    """How often it has gone back from each go-to step."""
    entered_at: datetime | None = None
    """When it entered the campaign, where it is not in the database: in a backtest."""

    @property
    def since_at(self) -> datetime:
        """When it came to this step: what happened from then on counts."""
        return self.arrived_at or self.due_at

    def coming(self, due_at: datetime, timezone: str = "") -> Place:
        """The same on its way to a step where it has not been, due at an instant.

        Written out: `dataclasses.replace` takes three times as long, and this is done for every step of everybody.
        """
        return Place(
            self.enrolment_id,
            self.customer_id,
            timezone or self.timezone,
            due_at,
            self.anchor_at,
            self.subject_id,
            self.round,
            None,
            False,
            self.jumps,
            self.entered_at,
        )


@dataclass(frozen=True, slots=True)
class Next:
    """Go on to the following step, or into a named branch of this one; an empty branch leads to the following step."""

    branch: str | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Come back to the following step at an instant."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """Come back to this very step at an instant, or as soon as an event of a name is recorded for the customer."""

    until: datetime
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """Go to another step of the flow; with `again` in a new round."""

    step_id: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the campaign, for a reason in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave the campaign as one of those who are held out, to be compared with the others."""

    reason: str


Move = Next | WaitUntil | Stay | Jump | Exit | Hold


class Desk(Protocol):
    """What a step may ask for, for one version's batch. What it writes is written in bulk when the batch is done."""

    session: Session
    """For reading, and for what the desk has no word for."""
    now: datetime
    store_id: int
    campaign_id: int
    version_id: int

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        """Draft a message of the campaign's class and topic; once for each enrolment, step and round."""

    def keep(self, model: type[Record], row: Mapping[str, Any]) -> None:
        """Insert a row at the end of the batch; a row that a unique constraint knows already is left out.

        Rows of one model have the same columns.
        """

    def holding(self, places: Sequence[Place], rule: Rule) -> set[int]:
        """The enrolments for whose customers a rule holds now; one statement (and one or two per batch)."""

    def happened(self, places: Sequence[Place], event: str, where: Sequence[Filter] = ()) -> dict[int, datetime]:
        """When an event first happened since each place came to the step, by enrolment; absent where it did not.

        One statement. Events and filters are those of the rules language.
        """

    def tag(self, place: Place, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags of the customer."""

    def set_attribute(self, place: Place, name: str, value: Any) -> None:
        """Set an attribute of the customer; None clears it."""

    def pick(self, place: Place, step_id: str, arm: str) -> None:
        """Write down which arm of a split the enrolment went into; the first time counts."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """What surrounds a step when its campaign is published."""

    session: Session
    store_id: int
    step_id: str
    step_ids: frozenset[str]
    """Of the whole flow."""
    mails: Mapping[str, int | None]
    """The store's mails by name, each with its newest version."""
    scope: Scope
    """What the store's rules refer to."""
    now: datetime


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
    """Names of the branches that may hang below it, where they are the same whatever its settings."""
    waits: ClassVar[bool] = False
    """True where time passes at it: a circle without such a step is refused."""
    acts: ClassVar[bool] = False
    """True where it does something to the customer or for somebody: a flow without such a step is refused."""

    @abstractmethod
    def take(self, places: Sequence[Place], step_id: str, settings: Any, desk: Desk) -> Mapping[int, Move]:
        """A move for each place, by enrolment id. A constant number of statements, however many there are."""

    def rehearse(self, places: Sequence[Place], step_id: str, settings: Any, desk: Desk) -> Mapping[int, Move]:
        """The moves in a backtest: what `take` would answer, without writing anything or reading an enrolment.

        The desk lets be what is asked of it, so that only kinds which go past it have to say something of their own.
        """
        return self.take(places, step_id, settings, desk)

    def branches_of(self, settings: Any) -> tuple[str, ...]:  # noqa: ARG002  most kinds have the same for all
        """Names of the branches that may hang below it with these settings, in the order they are drawn."""
        return self.branches

    def at_publish(self, settings: Any, publishing: Publishing) -> Any:  # noqa: ARG002  most kinds fix nothing
        """The settings as a version keeps them: what is open until publishing is fixed and checked here.

        Raises CampaignBroken in words that follow "step <id>: ".
        """
        return settings

    def goes_to(self, settings: Any) -> str | None:  # noqa: ARG002  most kinds go on
        """The step that it may go to beside what follows it."""
        return None

    def renamed(self, settings: Any, names: Mapping[str, str]) -> Any:  # noqa: ARG002  most kinds name no other step
        """The settings with the ids of other steps replaced, after steps were copied; an id not in `names` is gone."""
        return settings

    def sentence(self, settings: Any) -> str:  # noqa: ARG002  most kinds have something to say of theirs
        """The step in a few words, for the flow's picture."""
        return self.label
