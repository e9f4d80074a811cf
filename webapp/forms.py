"""A form drawn from a pydantic model: its fields with labels and help, what was typed, and what is wrong with it.

The same model that reads the settings says what the form looks like. A field of type SecretStr is never sent back
to the browser: left empty it keeps what is stored.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel, EmailStr, SecretStr, ValidationError
from pydantic.fields import FieldInfo

MANY = 500
"""From this length on, text gets an area instead of a line."""


@dataclass
class Field:
    """One field as it is drawn."""

    name: str
    label: str
    help: str
    widget: str
    """An <input> type, or select, switch, area, password."""
    value: Any
    is_required: bool
    is_optional: bool
    """True when nothing at all may be left in it."""
    is_advanced: bool
    """True for what hardly anybody changes."""
    id: str
    choices: list[tuple[str, str]] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    placeholder: str = ""
    error: str = ""
    rows: int = 3


@dataclass
class Form:
    """A model's fields as they are drawn, and what is wrong with what was typed."""

    fields: list[Field]
    error: str = ""
    """What is wrong with it as a whole."""

    @property
    def plain(self) -> list[Field]:
        """The fields that everybody looks at."""
        return [f for f in self.fields if not f.is_advanced]

    @property
    def advanced(self) -> list[Field]:
        """The others."""
        return [f for f in self.fields if f.is_advanced]

    def __getitem__(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    @property
    def is_wrong(self) -> bool:
        """Whether there is anything to put right."""
        return bool(self.error) or any(f.error for f in self.fields)


def draw(model: type[BaseModel], values: Mapping[str, Any] | BaseModel | None = None, *, prefix: str = "") -> Form:
    """The form of a model, filled with `values` or its defaults."""
    stored = {n: getattr(values, n) for n in type(values).model_fields} if isinstance(values, BaseModel) else values
    known = stored is not None
    return Form([_field(name, info, dict(stored or {}), prefix, known) for name, info in model.model_fields.items()])


def read(
    model: type[BaseModel], typed: Mapping[str, str], kept: BaseModel | None = None, *, prefix: str = ""
) -> tuple[BaseModel | None, Form]:
    """Validate what was typed. The model, or None; and the form as it was typed, with what is wrong in place.

    `kept` is what is stored: its secrets stay where nothing was typed.
    """
    given: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        raw = typed.get(prefix + name)
        kind = _kind(info.annotation)
        if kind is bool:
            given[name] = raw is not None
        elif kind is SecretStr and not raw and kept is not None:
            given[name] = getattr(kept, name)
        elif raw is not None and raw.strip():
            given[name] = raw if kind is SecretStr else raw.strip()
        elif raw is not None and not info.is_required() and info.default is not None and kind is str:
            given[name] = ""
    form = draw(model, {**given, **{n: "" for n in model.model_fields if n not in given}}, prefix=prefix)
    if kept is not None:
        for one in form.fields:
            _say_that_it_is_kept(one, getattr(kept, one.name))
    try:
        return model.model_validate(given), form
    except ValidationError as error:
        place_errors(form, error, prefix=prefix)
        return None, form


def place_errors(form: Form, error: ValidationError, *, prefix: str = "") -> None:
    """Put each of pydantic's complaints at its field, in words for the person who typed it."""
    for found in error.errors():
        words = _words(dict(found))
        name = str(found["loc"][0]) if found["loc"] else ""
        at = next((f for f in form.fields if f.name == prefix + name), None)
        if at is None:
            form.error = f"{form.error} {words}".strip()
        elif not at.error:
            at.error = words


def _say_that_it_is_kept(one: Field, stored: Any) -> None:
    if one.widget == "password" and stored not in (None, ""):
        one.placeholder = "Stored; leave empty to keep it"
        one.is_required = one.is_optional = False


def _words(error: dict[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "This is needed."
        case "int_parsing" | "int_type" | "int_from_float":
            return "This must be a whole number."
        case "float_parsing" | "float_type":
            return "This must be a number."
        case "time_parsing" | "time_type":
            return "This must be a time, such as 21:00."
        case "date_parsing" | "date_from_datetime_parsing":
            return "This must be a date."
    words = str(error["msg"]).removeprefix("Value error, ")
    words = words.replace("Input should be", "This must be").replace("String should", "This should")
    return words[:1].upper() + words[1:].rstrip(".") + "."


def _kind(annotation: Any) -> Any:
    """The one type of a field, without `| None` and Annotated."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        parts = [a for a in get_args(annotation) if a is not type(None)]
        return _kind(parts[0]) if len(parts) == 1 else str
    if hasattr(annotation, "__metadata__"):
        return _kind(annotation.__origin__)
    return annotation


def _widget(name: str, kind: Any, info: FieldInfo) -> str:
    if kind is bool:
        return "switch"
    if kind is SecretStr:
        return "password"
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return "select"
    if kind in (int, float):
        return "number"
    plain = {time: "time", date: "date", datetime: "datetime-local", EmailStr: "email"}
    if kind in plain:
        return plain[kind]
    longest = next((m.max_length for m in info.metadata if isinstance(m, MaxLen)), 0)
    if longest >= MANY and not name.endswith(("url", "name", "email")):
        return "area"
    return "email" if "email" in name else "text"


def _choices(kind: Any) -> list[tuple[str, str]]:
    if get_origin(kind) is Literal:
        values = [str(v) for v in get_args(kind)]
    elif isinstance(kind, type) and issubclass(kind, Enum):
        values = [str(v.value) for v in kind]
    else:
        return []
    return [(v, v.replace("_", " ").capitalize()) for v in values]


def _limits(kind: Any, info: FieldInfo) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for rule in info.metadata:
        match rule:
            case Ge():
                limits["min"] = rule.ge
            case Gt() if kind is int:
                limits["min"] = int(str(rule.gt)) + 1
            case Le():
                limits["max"] = rule.le
            case Lt() if kind is int:
                limits["max"] = int(str(rule.lt)) - 1
            case MaxLen():
                limits["maxlength"] = rule.max_length
    if kind is float:
        limits["step"] = "any"
    return limits


def _shown(value: Any) -> Any:
    match value:
        case None | SecretStr():
            return ""
        case bool():
            return value
        case time():
            return value.strftime("%H:%M")
        case float() if value.is_integer():
            return int(value)
        case list() | tuple():
            return ", ".join(map(str, value))
        case Enum():
            return value.value
    return value


def _field(name: str, info: FieldInfo, values: dict[str, Any], prefix: str, known: bool) -> Field:
    kind = _kind(info.annotation)
    widget = _widget(name, kind, info)
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    value = values.get(name, default)
    drawn = Field(
        name=prefix + name,
        label=info.title or name.removesuffix("_").replace("_", " ").capitalize(),
        help=info.description or "",
        widget=widget,
        value="" if widget == "password" else _shown(value),
        is_required=info.is_required(),
        is_optional=not info.is_required() and _shown(default) == "",
        is_advanced=isinstance(info.json_schema_extra, dict) and bool(info.json_schema_extra.get("advanced")),
        id=f"field-{prefix}{name}".replace(".", "-").replace("_", "-"),
        choices=_choices(kind),
        limits={} if widget in ("select", "switch", "time", "date") else _limits(kind, info),
    )
    if known and isinstance(value, SecretStr) and value.get_secret_value():
        _say_that_it_is_kept(drawn, value)
    return drawn
