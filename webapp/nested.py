"""Settings inside of settings (which products, on which days), drawn as fields of the form around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from webapp import forms


def groups(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The settings of a model that are models themselves, not lists of them, by name."""
    found = {}
    for name, info in model.model_fields.items():
        inner = next((one for one in (info.annotation, *get_args(info.annotation)) if _is_model(one)), None)
        if inner is not None and get_origin(info.annotation) not in (list, tuple):
            found[name] = inner
    return found


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def fields(model: type[BaseModel], name: str, stored: Any) -> list[forms.Field]:
    """The fields of one such setting; a switch before them where it may be left out."""
    inner = groups(model)[name]
    values = inner.model_validate(stored) if isinstance(stored, dict) else stored
    drawn = _form(inner, values, f"{name}.").fields
    return [*_switch(model, name, values is not None), *drawn]


def read(
    model: type[BaseModel], name: str, typed: Mapping[str, str]
) -> tuple[dict[str, Any] | None, list[forms.Field], bool]:
    """What was typed, as JSON (None where it is switched off); the fields as they were typed; and whether they fit."""
    inner, prefix = groups(model)[name], f"{name}."
    switch = _switch(model, name, name in typed)
    if switch and name not in typed:
        return None, [*switch, *_form(inner, None, prefix).fields], True
    given: dict[str, Any] = {}
    for one, info in inner.model_fields.items():
        raw = typed.get(prefix + one, "").strip()
        if _is_list(info.annotation):
            given[one] = [part.strip() for part in raw.split(",") if part.strip()]
        elif raw:
            given[one] = raw
    drawn = _form(inner, {**dict.fromkeys(inner.model_fields, ""), **given}, prefix)
    try:
        kept = inner.model_validate(given)
    except ValidationError as error:
        forms.place_errors(drawn, error, prefix=prefix)
        if drawn.error:
            drawn.fields[0].error = drawn.error
        return None, [*switch, *drawn.fields], False
    return kept.model_dump(mode="json"), [*switch, *drawn.fields], True


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple)


def _form(inner: type[BaseModel], values: Any, prefix: str) -> forms.Form:
    """As `forms.draw()`, with lists on a line each, commas between."""
    form = forms.draw(inner, values, prefix=prefix)
    for name, field in zip(inner.model_fields, form.fields, strict=True):
        if _is_list(inner.model_fields[name].annotation):
            field.widget, field.limits = "text", {}
            field.help = f"{field.help} Commas between several.".strip()
    return form


def _switch(model: type[BaseModel], name: str, is_on: bool) -> list[forms.Field]:
    if model.model_fields[name].get_default(call_default_factory=True) is not None:
        return []
    (found,) = (one for one in forms.draw(model).fields if one.name == name)
    found.widget, found.value, found.limits = "switch", is_on, {}
    return [found]
