"""A campaign's flow as it is drawn: what each step says, and what happened at it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time

from pydantic import BaseModel, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import StepNode, TriggerChoice
from automation.models import SENT, Enrolment, Message
from automation.schedule import Schedule


@dataclass(slots=True)
class StepFigures:
    """What happened at one step so far."""

    waiting: int = 0
    """People whose next step this is."""
    pending: int = 0
    """Mails that are drafted, put off or on their way."""
    sent: int = 0
    opened: int = 0
    clicked: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Mails that will never be sent, by reason code."""


@dataclass(frozen=True, slots=True)
class Card:
    """A step as it is drawn."""

    id: str
    kind: str
    label: str
    icon: str
    sentence: str
    problem: str
    """Why it cannot run as it is; "" when it can."""
    figures: StepFigures
    branches: list[Branch]


@dataclass(frozen=True, slots=True)
class Branch:
    """A named way on from a step."""

    name: str
    """As a person reads it."""
    cards: list[Card]
    key: str
    """As the step calls it."""


def step_figures(session: Session, campaign_id: int) -> dict[str | None, StepFigures]:
    """By step id, None for those before the first step; two statements."""
    found: dict[str | None, StepFigures] = {}
    waiting = (
        select(Enrolment.step_id, func.count())
        .where(Enrolment.campaign_id == campaign_id, Enrolment.state == "active")
        .group_by(Enrolment.step_id)
    )
    for step_id, count in session.execute(waiting):
        found.setdefault(step_id, StepFigures()).waiting = count
    mails = (
        select(
            Message.step_id,
            Message.state,
            Message.reason,
            func.count(),
            func.count(Message.opened_at),
            func.count(Message.clicked_at),
        )
        .where(Message.campaign_id == campaign_id, Message.is_test.is_(False))
        .group_by(Message.step_id, Message.state, Message.reason)
    )
    for step_id, state, reason, count, opened, clicked in session.execute(mails):
        figures = found.setdefault(step_id, StepFigures())
        if state in SENT:
            figures.sent += count
            figures.opened += opened
            figures.clicked += clicked
        elif state in ("dropped", "rejected", "parked"):
            figures.dropped[reason] += count
        else:
            figures.pending += count
    return found


_ENDED = {"finished": "went through all steps", "converted": "reached the goal", "held": "held out, for comparison"}


def exits(session: Session, campaign_id: int) -> list[tuple[str, int]]:
    """How people left: (reason in words, how many), the commonest first; one statement."""
    rows = session.execute(
        select(Enrolment.state, Enrolment.exit_reason, func.count())
        .where(Enrolment.campaign_id == campaign_id, Enrolment.state != "active")
        .group_by(Enrolment.state, Enrolment.exit_reason)
        .order_by(func.count().desc(), Enrolment.exit_reason)
        .limit(8)
    )
    return [(reason or _ENDED.get(state, state), count) for state, reason, count in rows]


def cards(app: App, flow: Sequence[StepNode], figures: Mapping[str | None, StepFigures]) -> list[Card]:
    """The flow's cards; people who are before the first step count as on their way to it."""
    drawn = [_card(app, node, figures) for node in flow]
    if drawn and None in figures:
        drawn[0].figures.waiting += figures[None].waiting
    return drawn


def _card(app: App, node: StepNode, figures: Mapping[str | None, StepFigures]) -> Card:
    kind = app.steps.get(node.kind)
    sentence, problem = "", ""
    names = tuple(node.branches)
    if kind is None:
        problem = f"There is no step called {node.kind} here."
    else:
        given = {k: v for k, v in node.settings.items() if k in kind.Settings.model_fields}
        try:
            settings = kind.Settings.model_validate(given)
            sentence = kind.sentence(settings)
            names = tuple(dict.fromkeys((*kind.branches_of(settings), *node.branches)))
        except ValidationError as error:
            problem = first_problem(error)
    return Card(
        id=node.id,
        kind=node.kind,
        label=kind.label if kind else node.kind,
        icon=kind.icon if kind else "alert-triangle",
        sentence=sentence,
        problem=problem,
        figures=figures.get(node.id) or StepFigures(),
        branches=[
            Branch(name.replace("_", " "), [_card(app, n, figures) for n in node.branches.get(name, ())], name)
            for name in names
        ],
    )


def first_problem(error: ValidationError) -> str:
    """The first thing that does not fit, as a sentence: where, and what."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])).replace("_", " ")
    text = first["msg"].removeprefix("Value error, ")
    return f"{where.capitalize()}: {text}" if where else text


_CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+")
"""A word of the settings: feb_28, next_day."""


def trigger_words(app: App, choice: TriggerChoice) -> tuple[str, list[tuple[str, str]], str]:
    """A trigger's label, its settings in words as (what, value), and what is wrong with it ("" if nothing)."""
    kind = app.triggers.get(choice.kind)
    if kind is None:
        return choice.kind, [], f"There is no trigger called {choice.kind} here."
    try:
        settings = kind.Settings.model_validate(choice.settings)
    except ValidationError as error:
        return kind.label, [], first_problem(error)
    lines = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value in (None, "", 0, [], ()) and value is not False:
            continue
        lines.append((info.title or name.replace("_", " ").capitalize(), in_words(value)))
    return kind.label, lines, ""


def in_words(value: object) -> str:
    """A setting's value as a person writes it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case time():
            return value.strftime("%H:%M")
        case Schedule():
            return value.words()
        case BaseModel():
            given = value.model_dump(exclude_defaults=True)
            return ", ".join(f"{name.replace('_', ' ')} {in_words(one)}" for name, one in given.items()) or "any"
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(in_words, value))
        case str() if _CODE.fullmatch(value):
            return value.replace("_", " ")
    return str(value)
