"""The inspector: one part of a campaign's draft as a form, and the draft with what was typed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import Definition, StepNode, Word, walk
from automation.models import Template
from webapp import forms

TONES = {
    "mail": "blue",
    **dict.fromkeys(("wait", "wait_until", "wait_for"), "purple"),
    **dict.fromkeys(("branch", "split", "ab_test", "go_to"), "orange"),
    **dict.fromkeys(("exit", "hold_out"), "secondary"),
}
"""The colour of each kind of step; others are green."""


class Rules(BaseModel):
    """A definition's rules of sending, as far as a form sets them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mail_class: Literal["transactional", "reminder", "lifecycle", "promotional"] = Field(
        "lifecycle",
        title="Kind",
        description="Transactional mails need no consent and keep no night hours; they may not advertise anything.",
    )
    topic: Word = Field("marketing", description="What the customer must have agreed to.")
    priority: int = Field(50, ge=0, le=100, description="When two mails meet at one customer, the higher goes first.")
    entry: Literal["each", "once"] = Field(
        "each", title="Entry", description="For each occurrence (a cart, a birthday), or once and never again."
    )
    holdout_percent: float = Field(
        0, ge=0, le=50, title="Held out (%)", description="This part is never mailed, to be compared with the others."
    )
    cooldown_days: float = Field(
        0, ge=0, le=3650, title="Days until again", description="Nobody enters again within this span; 0 for always."
    )


@dataclass(frozen=True, slots=True)
class Inspector:
    """A part of a draft, ready to be drawn."""

    part: str
    title: str
    help: str
    icon: str
    tone: str
    form: forms.Form


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part's settings stand in a definition, and which model reads them."""

    name: str
    title: str
    help: str
    icon: str
    tone: str
    model: type[BaseModel]
    settings: Mapping[str, Any]


def find(app: App, definition: Definition, name: str) -> Part | None:
    """A part by its name: trigger, rules, or a step's id."""
    if name == "rules":
        return Part(name, "Rules of sending", "", "adjustments", "primary", Rules, definition.model_dump())
    if name == "trigger":
        trigger = app.triggers.get(definition.trigger.kind)
        if trigger is None:
            return None
        text = _paragraph(trigger)
        return Part(name, trigger.label, text, "bolt", "yellow", trigger.Settings, definition.trigger.settings)
    node = next((n for n in walk(definition.flow) if n.id == name), None)
    kind = app.steps.get(node.kind) if node else None
    if node is None or kind is None:
        return None
    return Part(
        name, kind.label, _paragraph(kind), kind.icon, TONES.get(node.kind, "green"), kind.Settings, node.settings
    )


def _paragraph(kind: object) -> str:
    """What a kind's docstring says below its first line: the help of its form."""
    text = (type(kind).__doc__ or "").strip()
    return " ".join((text.partition("\n\n")[2] or text).split())


def mails(session: Session, store_id: int) -> list[tuple[str, str]]:
    """The mails that a step may send, as (name, title), without those put away; one statement."""
    rows = session.execute(
        select(Template.name, Template.title)
        .where(Template.store_id == store_id, Template.latest_version_id.is_not(None), Template.archived_at.is_(None))
        .order_by(Template.title)
    )
    return [(name, title) for name, title in rows]


def show(part: Part, choices: list[tuple[str, str]]) -> Inspector:
    """The part as it is stored."""
    values = {name: part.settings.get(name, info.get_default()) for name, info in part.model.model_fields.items()}
    return _drawn(part, forms.draw(part.model, values), choices)


def read(
    part: Part, typed: Mapping[str, str], choices: list[tuple[str, str]]
) -> tuple[dict[str, Any] | None, Inspector]:
    """What was typed, validated, as JSON; or None, and the form with what is wrong in it."""
    model, form = forms.read(part.model, typed)
    if model is None:
        return None, _drawn(part, form, choices)
    settings = model.model_dump(mode="json", by_alias=True, exclude={"template_version_id"})
    # What no form can draw stays as it is stored.
    settings.update({name: part.settings[name] for name in _undrawn(part.model) & set(part.settings)})
    return settings, _drawn(part, form, choices)


def _undrawn(model: type[BaseModel]) -> set[str]:
    """Fields that are rules or lists of conditions: they have editors of their own."""
    return {name for name in ("rule", "where") if name in model.model_fields}


def _drawn(part: Part, form: forms.Form, choices: list[tuple[str, str]]) -> Inspector:
    # Which version of a mail is sent is settled by publishing, never by hand.
    hidden = {"template_version_id", *_undrawn(part.model)}
    form.fields = [field for field in form.fields if field.name not in hidden]
    for field in form.fields:
        if field.name == "template":
            field.widget, field.choices, field.limits = "select", [("", "Choose a mail"), *choices], {}
            field.label, field.is_required = "Mail", True
    return Inspector(part.name, part.title, part.help, part.icon, part.tone, form)


def changed(definition: Definition, part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The definition as JSON with one part's settings replaced."""
    draft = definition.model_dump(mode="json")
    if part == "rules":
        draft.update(settings)
    elif part == "trigger":
        draft["trigger"]["settings"] = dict(settings)
    else:
        draft["flow"] = [_replaced(node, part, settings).model_dump(mode="json") for node in definition.flow]
    return draft


def _replaced(node: StepNode, step_id: str, settings: Mapping[str, Any]) -> StepNode:
    if node.id == step_id:
        return node.model_copy(update={"settings": dict(settings)})
    branches = {name: [_replaced(n, step_id, settings) for n in nodes] for name, nodes in node.branches.items()}
    return node.model_copy(update={"branches": branches})
