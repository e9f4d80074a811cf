"""Filters on the properties of an event: a short list of comparisons, all of which must hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import ColumnElement, false, func, not_, true

from automation.rules.dialects import at_path, json_boolean, json_kind, json_number, json_text

_ORDER = ("at_least", "at_most", "more_than", "less_than")


class PropertyFilter(BaseModel):
    """A property compared with a value: {"property": "stars", "is": "at_most", "value": 3}.

    A property of another type than the value, or none at all, never matches: also not by "is not".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    property: Annotated[str, StringConstraints(pattern=r"^[^\x00\"\\]{1,100}$")]
    is_: Literal[
        "is", "is_not", "in", "contains", "at_least", "at_most", "more_than", "less_than", "is_known", "is_unknown"
    ] = Field("is", alias="is")
    value: bool | int | float | str | list[str] | None = None

    @model_validator(mode="after")
    def _fits(self) -> PropertyFilter:
        value = self.value
        wanted, fits = {
            "in": ("a list of 1 to 100 texts", isinstance(value, list) and 0 < len(value) <= 100),
            "contains": ("a text", isinstance(value, str) and value != ""),
            "is_known": ("no value", value is None),
            "is_unknown": ("no value", value is None),
            **dict.fromkeys(_ORDER, ("a number", isinstance(value, int | float) and not isinstance(value, bool))),
            **dict.fromkeys(
                ("is", "is_not"), ("a text, a number or yes or no", isinstance(value, str | int | float | bool))
            ),
        }[self.is_]
        if not fits:
            raise ValueError(f"{self.property} {self.is_}: needs {wanted}")
        return self

    def match(self, properties: Any) -> ColumnElement[bool]:
        """True, or false, never NULL, for a column of properties."""
        at = at_path(properties, (self.property,))
        known: ColumnElement[bool] = func.coalesce(json_kind(*at) != "null", false())
        if self.is_ == "is_known":
            return known
        if self.is_ == "is_unknown":
            return not_(known)
        found: ColumnElement[bool] = func.coalesce(self._compare(self._typed(at)), false())
        return found

    def _typed(self, at: list[ColumnElement[Any]]) -> Any:
        match self.value:
            case bool():
                return json_boolean(*at)
            case int() | float():
                return json_number(*at)
            case _:
                return json_text(*at)

    def _compare(self, found: Any) -> Any:
        match self.is_:
            case "is":
                return found == self.value
            case "is_not":
                return found != self.value
            case "in":
                return found.in_(self.value)
            case "contains":
                return found.contains(self.value, autoescape=True)
            case "at_least":
                return found >= self.value
            case "at_most":
                return found <= self.value
            case "more_than":
                return found > self.value
            case _:
                return found < self.value


def number(properties: Any, key: str) -> ColumnElement[float]:
    """The number under a key; NULL for anything else."""
    return json_number(*at_path(properties, (key,)))


def all_match(filters: list[PropertyFilter], properties: Any) -> ColumnElement[bool]:
    """Every filter holds."""
    found: ColumnElement[bool] = true()
    for one in filters:
        found &= one.match(properties)
    return found
