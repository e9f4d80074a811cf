"""The typed tree of a rule, stored as JSON: {"all": [{"field": "country", "is": "in", "value": ["DE", "AT"]}]}.

A comparison with something unknown is never true, also not "is not": SQL's NULL and a reader's expectation agree.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator

from automation.errors import RuleBroken
from automation.rules.fields import FIELDS

MAX_DEPTH = 8
MAX_NODES = 100

OPERATORS: dict[str, dict[str, str]] = {
    "text": {
        "is": "is",
        "is_not": "is not",
        "in": "is one of",
        "not_in": "is none of",
        "contains": "contains",
        "starts_with": "starts with",
        "is_known": "is known",
        "is_unknown": "is not known",
    },
    "number": {
        "is": "is",
        "is_not": "is not",
        "at_least": "is at least",
        "at_most": "is at most",
        "more_than": "is more than",
        "less_than": "is less than",
        "is_known": "is known",
        "is_unknown": "is not known",
    },
    "instant": {
        "in_last_days": "was in the last",
        "not_in_last_days": "was not in the last",
        "before": "was before",
        "after": "was after",
        "is_known": "is known",
        "is_unknown": "is not known",
    },
    "tags": {"has": "include", "has_not": "do not include"},
}
"""Operators of each field type, in words."""

_NO_VALUE = {"is_known", "is_unknown"}
_DAYS = {"in_last_days", "not_in_last_days"}


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class All(_Node):
    """Every part holds; with no parts it always does."""

    all: list[Rule]


class Any_(_Node):
    """At least one part holds; with no parts it never does."""

    any: list[Rule]


class Not(_Node):
    """The part does not hold."""

    not_: Rule = Field(alias="not")


class Compare(_Node):
    """A field compared with a value."""

    field: str
    is_: str = Field(alias="is")
    value: Any = None

    @model_validator(mode="after")
    def _fits(self) -> Compare:
        field = FIELDS.get(self.field)
        if field is None:
            raise ValueError(f"there is no field {self.field!r}; there are {', '.join(FIELDS)}")
        known = OPERATORS[field.type]
        if self.is_ not in known:
            raise ValueError(f"{self.field} cannot be compared by {self.is_!r}; it can by {', '.join(known)}")
        problem = _value_problem(field.type, self.is_, self.value)
        if problem:
            raise ValueError(f"{self.field} {known[self.is_]}: {problem}")
        return self


class InSegment(_Node):
    """The customer is in a saved segment."""

    segment: int


def _value_problem(kind: str, operator: str, value: Any) -> str:
    if operator in _NO_VALUE:
        return "" if value is None else "takes no value"
    if operator in ("in", "not_in"):
        fits = isinstance(value, list) and 0 < len(value) <= 500 and all(isinstance(v, str) for v in value)
        return "" if fits else "needs a list of 1 to 500 texts"
    if operator in _DAYS:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 36500
        return "" if fits else "needs a number of days"
    if kind == "number":
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "needs a number"
    if kind == "instant":
        return "" if _instant(value) else "needs an ISO date and time with its zone"
    return "" if isinstance(value, str) and 0 < len(value) <= 500 else "needs a text of 1 to 500 letters"


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _tag(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return type(value).__name__
    names = {"all": "All", "any": "Any_", "not": "Not", "field": "Compare", "segment": "InSegment"}
    return next((tag for key, tag in names.items() if isinstance(value, dict) and key in value), None)


Rule = Annotated[
    Annotated[All, Tag("All")]
    | Annotated[Any_, Tag("Any_")]
    | Annotated[Not, Tag("Not")]
    | Annotated[Compare, Tag("Compare")]
    | Annotated[InSegment, Tag("InSegment")],
    Discriminator(
        _tag,
        custom_error_type="rule",
        custom_error_message="a node is one of {all: […]}, {any: […]}, {not: …}, {field, is, value}, {segment}",
    ),
]
for _model in (All, Any_, Not):
    _model.model_rebuild()
_ADAPTER: TypeAdapter[Rule] = TypeAdapter(Rule)

EVERYBODY = All(all=[])


def parts(rule: Rule) -> list[Rule]:
    """The node's direct parts."""
    match rule:
        case All():
            return rule.all
        case Any_():
            return rule.any
        case Not():
            return [rule.not_]
        case _:
            return []


def _size(rule: Rule) -> tuple[int, int]:
    below = [_size(part) for part in parts(rule)]
    return 1 + max((d for d, _ in below), default=0), 1 + sum(n for _, n in below)


def _nesting(value: Any, depth: int = 0) -> int:
    # Measured before pydantic walks the tree, so that a bottomless one costs nothing.
    if depth > 4 * MAX_DEPTH or not isinstance(value, dict | list):
        return depth
    return max((_nesting(v, depth + 1) for v in (value.values() if isinstance(value, dict) else value)), default=depth)


def read(value: Any) -> Rule:
    """Parse a rule's JSON; None means everybody. Raises RuleBroken naming the node and what is wrong with it."""
    if value is None:
        return EVERYBODY
    if _nesting(value) > 2 * MAX_DEPTH + 2:
        raise RuleBroken(f"A rule may be nested {MAX_DEPTH} deep.")
    try:
        rule = _ADAPTER.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"] if p not in ("All", "Any_", "Not", "Compare", "InSegment"))
        raise RuleBroken(f"{where or 'rule'}: {first['msg'].removeprefix('Value error, ')}") from error
    depth, nodes = _size(rule)
    if depth > MAX_DEPTH:
        raise RuleBroken(f"A rule may be nested {MAX_DEPTH} deep; this one is {depth}.")
    if nodes > MAX_NODES:
        raise RuleBroken(f"A rule may have {MAX_NODES} parts; this one has {nodes}.")
    return rule


def dump(rule: Rule) -> dict[str, Any]:
    """The rule as JSON; `read(dump(rule)) == rule`."""
    return rule.model_dump(mode="json", by_alias=True, exclude_none=True)
