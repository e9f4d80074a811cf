"""The inspector: one part of a campaign's draft as a form, and the draft with what was typed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import Definition, ExitRule, Goal, StepNode, Word, walk
from automation.models import Admin, Offer, Segment, Template
from automation.rules import english, language
from webapp import forms, nested

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


class Audience(BaseModel):
    """Who may enter."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    audience: dict[str, Any] | None = Field(
        None, title="Who may enter", description="Asked when the trigger fires. Segments are made on a page of theirs."
    )


class GoalRule(BaseModel):
    """What the campaign is for; reaching it ends a customer's way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: str = Field(
        "", max_length=128, description="What has to happen after the entry, such as order.placed. Empty for no goal."
    )
    within_days: float = Field(7, gt=0, le=365, title="Within days", description="Counts only this long.")


class LeavingRule(BaseModel):
    """A further rule by which customers leave."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rule: dict[str, Any] | None = Field(
        None, title="Who comes to be in this segment", description="Asked before every step; they leave instead."
    )
    reason: str = Field("", max_length=150, description="Shown on the customer's page; empty for the rule itself.")


@dataclass(frozen=True, slots=True)
class Choices:
    """What of the store a part may name, each as (value, words)."""

    mails: list[tuple[str, str]]
    segments: list[tuple[str, str]]
    offers: list[tuple[str, str]]
    admins: list[tuple[str, str]]
    steps: list[tuple[str, str]]

    def of(self, name: str) -> list[tuple[str, str]] | None:
        """Those of a setting by its name; None for one that is typed."""
        named = {
            "template": [("", "Choose a mail"), *self.mails],
            "segment": [("0", "Choose a segment"), *self.segments],
            "offer": [("", "Choose an offer"), *self.offers],
            "admin_id": [("", "Everybody"), *self.admins],
            "step": [("", "Choose a step"), *self.steps],
        }
        return named.get(name)


RULES = ("rule", "audience")
"""Settings that are rules: a form chooses a segment for them."""
KEPT = "kept"
"""The choice that leaves a rule as it is."""


def choices(app: App, session: Session, store_id: int, definition: Definition) -> Choices:
    """What there is to choose from; four statements."""
    segments = session.execute(select(Segment.id, Segment.name).where(Segment.store_id == store_id))
    offers = session.execute(select(Offer.name).where(Offer.store_id == store_id).order_by(Offer.name))
    people = session.execute(select(Admin.id, Admin.name, Admin.email).order_by(Admin.email))
    return Choices(
        mails=mails(session, store_id),
        segments=sorted(((str(row.id), row.name) for row in segments), key=lambda one: one[1]),
        offers=[(name, name) for (name,) in offers],
        admins=[(str(row.id), row.name or row.email) for row in people],
        steps=[(node.id, _called(app, node)) for node in walk(definition.flow)],
    )


def _called(app: App, node: StepNode) -> str:
    kind = app.steps.get(node.kind)
    try:
        said = kind.sentence(kind.Settings.model_validate(node.settings)) if kind else node.kind
    except ValidationError:
        said = node.kind
    return f"{said} ({node.id})"


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
    if name == "audience":
        return Part(name, "Audience", "", "users", "primary", Audience, {"audience": definition.audience})
    if name == "goal":
        text = " ".join((Goal.__doc__ or "").split())
        stored = (
            {"event": definition.goal.event or "", "within_days": definition.goal.within_days}
            if definition.goal
            else {}
        )
        return Part(name, "Goal", text, "flag", "primary", GoalRule, stored)
    if name == "exits":
        return Part(name, "Who leaves early", (ExitRule.__doc__ or ""), "door-exit", "primary", LeavingRule, {})
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


def show(part: Part, choices: Choices) -> Inspector:
    """The part as it is stored."""
    values = {name: part.settings.get(name, info.get_default()) for name, info in part.model.model_fields.items()}
    return _drawn(part, forms.draw(part.model, values), choices)


def read(part: Part, typed: Mapping[str, str], choices: Choices) -> tuple[dict[str, Any] | None, Inspector]:
    """What was typed, validated, as JSON; or None, and the form with what is wrong in it."""
    apart = {*RULES, *nested.groups(part.model)}
    given = {name: value for name, value in typed.items() if name not in apart}
    model, form = forms.read(part.model, given)
    for name in set(RULES) & set(part.model.model_fields):
        form[name].value = typed.get(name, "")
    inner = {name: nested.read(part.model, name, typed) for name in nested.groups(part.model)}
    shown = _drawn(part, form, choices, {name: fields for name, (_, fields, _) in inner.items()})
    if model is None or not all(fits for _, _, fits in inner.values()):
        return None, shown
    settings = model.model_dump(mode="json", by_alias=True, exclude={"template_version_id"})
    # What no form can draw stays as it is stored.
    settings.update({name: part.settings[name] for name in undrawn(part.model) & set(part.settings)})
    for name in set(RULES) & set(part.model.model_fields):
        chosen = typed.get(name, "")
        if chosen == KEPT:
            settings[name] = part.settings.get(name)
        elif chosen and chosen not in dict(choices.segments):
            shown.form[name].error = "There is no such segment."
            return None, shown
        else:
            settings[name] = {"segment": int(chosen)} if chosen else None
    settings.update({name: value for name, (value, _, _) in inner.items()})
    try:
        part.model.model_validate(settings)
    except ValidationError as error:
        forms.place_errors(shown.form, error)
        return None, shown
    return settings, shown


def undrawn(model: type[BaseModel]) -> set[str]:
    """Fields that hold lists of conditions: no form draws them, and they stay as they are stored."""
    inner = {"arms", *nested.groups(model)}
    return {name for name, info in model.model_fields.items() if name not in inner and _is_nested(info.annotation)}


def _is_nested(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, BaseModel)
    return any(_is_nested(part) for part in get_args(annotation))


def _drawn(
    part: Part, form: forms.Form, choices: Choices, inner: Mapping[str, list[forms.Field]] | None = None
) -> Inspector:
    # Which version of a mail is sent is settled by publishing, never by hand.
    hidden = {"template_version_id", "published_at", *undrawn(part.model)}
    form.fields = [field for field in form.fields if field.name not in hidden]
    for name in nested.groups(part.model):
        found = inner[name] if inner else nested.fields(part.model, name, _stored(part, name))
        at = next(number for number, field in enumerate(form.fields) if field.name == name)
        form.fields[at : at + 1] = found
    for field in form.fields:
        options = choices.of(field.name) if field.name not in RULES else None
        if options is not None:
            field.widget, field.choices, field.limits, field.value = "select", options, {}, str(field.value)
            field.label = {"template": "Mail", "admin_id": "Whom"}.get(field.name, field.label)
            field.is_required, field.is_optional = field.name != "admin_id", field.name == "admin_id"
        elif field.name in RULES:
            _as_segment(field, part.settings.get(field.name), choices)
    return Inspector(part.name, part.title, part.help, part.icon, part.tone, form)


def _stored(part: Part, name: str) -> Any:
    default = part.model.model_fields[name].get_default(call_default_factory=True)
    return part.settings.get(name, default)


def _as_segment(field: forms.Field, stored: Any, choices: Choices) -> None:
    """A rule as a choice of segments; one that is more than a segment can be kept."""
    nobody = "Everybody" if field.name == "audience" else "Choose a segment"
    field.widget, field.limits, field.is_optional = "select", {}, False
    is_segment = isinstance(stored, dict) and set(stored) == {"segment"}
    field.choices = [("", nobody), *choices.segments]
    if stored and not is_segment:
        rule = language.read(stored)
        words = english.sentence(rule, {int(value): text for value, text in choices.segments})
        field.choices.insert(0, (KEPT, f"As it is: {words}"))
    if not isinstance(field.value, str):
        field.value = "" if not stored else str(stored["segment"]) if is_segment else KEPT


def changed(definition: Definition, part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The definition as JSON with one part's settings replaced."""
    draft = definition.model_dump(mode="json", by_alias=True)
    if part == "rules":
        draft.update(settings)
    elif part == "audience":
        draft["audience"] = settings["audience"]
    elif part == "goal":
        goal = {"event": settings["event"], "within_days": settings["within_days"]}
        is_rule = definition.goal is not None and definition.goal.rule is not None
        draft["goal"] = goal if settings["event"] else draft["goal"] if is_rule else None
    elif part == "exits":
        draft["exits"] = [*draft["exits"], {"rule": settings["rule"], "reason": settings["reason"]}]
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
