"""Filters on the properties of an event: a short list of comparisons, all of which must hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import ColumnElement, case, func, literal, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

_ORDER = ("at_least", "at_most", "more_than", "less_than")


class json_kind(GenericFunction[str]):
    """The type of what a JSON object holds under a key: text, number, boolean, or another word; NULL for nothing."""

    inherit_cache = True


@compiles(json_kind, "sqlite")
def _json_kind_sqlite(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = element.clauses
    return (
        f"(SELECT CASE type WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' WHEN 'true' THEN 'boolean' "
        f"WHEN 'false' THEN 'boolean' WHEN 'null' THEN NULL ELSE type END "
        f"FROM json_each({compiler.process(column, **kw)}) WHERE key = {compiler.process(key, **kw)})"
    )


@compiles(json_kind, "postgresql")
def _json_kind_postgresql(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = element.clauses
    kind = f"jsonb_typeof({compiler.process(column, **kw)} -> {compiler.process(key, **kw)}::text)"
    return f"(CASE {kind} WHEN 'string' THEN 'text' WHEN 'null' THEN NULL ELSE {kind} END)"


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
        kind = json_kind(properties, literal(self.property))
        if self.is_ == "is_known":
            return kind.is_not(None)
        if self.is_ == "is_unknown":
            return kind.is_(None)
        wanted, found = self._typed(properties)
        # A CASE, for a cast of something else would be an error on PostgreSQL.
        return case((kind == wanted, func.coalesce(self._compare(found), literal(value=False))), else_=False)

    def _typed(self, properties: Any) -> tuple[str, Any]:
        part = properties[self.property]
        match self.value:
            case bool():
                return "boolean", part.as_boolean()
            case int() | float():
                return "number", part.as_float()
            case _:
                return "text", part.as_string()

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
    return case((json_kind(properties, literal(key)) == "number", properties[key].as_float()), else_=None)


def all_match(filters: list[PropertyFilter], properties: Any) -> ColumnElement[bool]:
    """Every filter holds."""
    found: ColumnElement[bool] = true()
    for one in filters:
        found &= one.match(properties)
    return found
