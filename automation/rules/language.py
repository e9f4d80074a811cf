"""The typed tree of a rule, stored as JSON: {"all": [{"field": "country", "is": "in", "value": ["DE", "AT"]}]}.

A comparison with something unknown is never true, also not "is not": SQL's NULL and a reader's expectation agree.
What is of another type than it is compared with counts as unknown. Nothing later than `now` has happened.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from automation.errors import RuleBroken
from automation.rules import checks, windows
from automation.rules.fields import Do
from automation.rules.operators import OPERATORS, said
from automation.rules.windows import Window, ZoneOf

__all__ = ["OPERATORS"]

MAX_DEPTH = 8
MAX_NODES = 100
MAX_FILTERS = 10
MAX_VALUES = 5_000
"""Texts in all lists of a rule together."""


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
    """A field compared with a value: one of the catalogue, or a part of a document (`attributes.size.shoe`)."""

    field: str
    is_: str = Field(alias="is")
    value: Any = None
    zone: ZoneOf | None = None
    """For what asks which day it is: in whose calendar. The customer's if nothing is said."""

    @model_validator(mode="after")
    def _fits(self) -> Compare:
        checks.field(self.field, self.is_, self.value, self.zone)
        return self


class Filter(_Node):
    """A property of an event compared with a value."""

    property: str
    is_: str = Field(alias="is")
    value: Any = None


class Happened(_Node):
    """A figure over the events of a name: how many, a property's sum, average, least or most, the first or last."""

    event: str
    do: Do = "count"
    property: str | None = None
    """What a sum, an average, a least or a most is of."""
    is_: str = Field("at_least", alias="is")
    value: Any = None
    within: Window | None = None
    """None is all time."""
    where: Annotated[list[Filter], Field(max_length=MAX_FILTERS)] = Field(default_factory=list)
    """Only events for which every filter holds."""

    @model_validator(mode="before")
    @classmethod
    def _at_least_once(cls, given: Any) -> Any:
        # {"event": "order.placed"} alone means: it happened.
        if isinstance(given, dict) and given.get("do", "count") == "count" and "is" not in given:
            return {**given, "is": "at_least", "value": given.get("value", 1)}
        return given

    @model_validator(mode="after")
    def _fits(self) -> Happened:
        checks.event(self.event, self.do, self.property, self.is_, self.value)
        for number, part in enumerate(self.where):
            checks.event_property(self.event, part.property, part.is_, part.value, f"where.{number}")
        return self


BoughtBy = Literal["product", "variant", "sku", "category", "tag", "vendor"]


class Bought(_Node):
    """An order holds one of some products: {"bought": {"category": ["Tea", "Coffee"]}}."""

    bought: Annotated[dict[BoughtBy, list[str]], Field(min_length=1, max_length=1)]
    within: Window | None = None

    @model_validator(mode="after")
    def _fits(self) -> Bought:
        for by, names in self.bought.items():
            checks.event_property("order.placed", by, "in", names, "bought")
        return self

    def as_event(self) -> Happened:
        """The same, said as an event."""
        by, names = next(iter(self.bought.items()))
        where = [Filter(property=by, value=names, **{"is": "in"})]
        return Happened(event="order.placed", value=1, within=self.within, where=where, **{"is": "at_least"})


class Agreed(_Node):
    """Where the customer's consent to a topic stands, and since when."""

    consent: Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=64)]
    is_: Literal["granted", "withdrawn", "pending", "not_asked"] = Field("granted", alias="is")
    within: Window | None = None
    """Only if they said so in this window."""

    @model_validator(mode="after")
    def _fits(self) -> Agreed:
        if self.is_ == "not_asked" and self.within is not None:
            raise ValueError("consent: who was not asked did not answer within any window")
        return self


SuppressionReason = Literal["hard_bounce", "soft_bounces", "complaint", "provider", "manual", "erased"]


class Suppressed(_Node):
    """The customer's address must not be mailed (true), or may (false); or must not for one of some reasons."""

    suppressed: StrictBool | Annotated[list[SuppressionReason], Field(min_length=1, max_length=6)]


class InSegment(_Node):
    """The customer is in a saved segment."""

    segment: Annotated[int, Field(strict=True, ge=1, lt=2**62)]


_NAMES = {
    "all": "All",
    "any": "Any_",
    "not": "Not",
    "field": "Compare",
    "event": "Happened",
    "bought": "Bought",
    "consent": "Agreed",
    "suppressed": "Suppressed",
    "segment": "InSegment",
}


def _tag(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return type(value).__name__
    return next((tag for key, tag in _NAMES.items() if isinstance(value, dict) and key in value), None)


Rule = Annotated[
    Annotated[All, Tag("All")]
    | Annotated[Any_, Tag("Any_")]
    | Annotated[Not, Tag("Not")]
    | Annotated[Compare, Tag("Compare")]
    | Annotated[Happened, Tag("Happened")]
    | Annotated[Bought, Tag("Bought")]
    | Annotated[Agreed, Tag("Agreed")]
    | Annotated[Suppressed, Tag("Suppressed")]
    | Annotated[InSegment, Tag("InSegment")],
    Discriminator(
        _tag,
        custom_error_type="rule",
        custom_error_message=(
            "a node is one of {all: […]}, {any: […]}, {not: …}, {field, is, value}, {event, do, is, value, within, "
            "where}, {bought: {…}}, {consent, is}, {suppressed}, {segment}"
        ),
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


def leaves(rule: Rule) -> list[Rule]:
    """The nodes without parts, in the order a reader meets them."""
    if isinstance(rule, All | Any_ | Not):
        return [leaf for part in parts(rule) for leaf in leaves(part)]
    return [rule]


def values_in(rule: Rule) -> int:
    """How many values a leaf compares with."""
    match rule:
        case Compare():
            return len(rule.value) if isinstance(rule.value, list) else 1
        case Happened():
            return 1 + sum(len(f.value) if isinstance(f.value, list) else 1 for f in rule.where)
        case Bought():
            return sum(map(len, rule.bought.values()))
        case _:
            return 1


def zones_asked(rule: Rule) -> set[ZoneOf]:
    """Whose calendars a leaf asks."""
    match rule:
        case Compare():
            if rule.is_ == "within":
                asked = windows.zone_of(windows.read(rule.value))
                return {asked} if asked else set()
            return {rule.zone or "customer"} if checks.asks_the_day(rule.field, rule.is_) else set()
        case Happened() | Bought() | Agreed():
            asked = windows.zone_of(rule.within)
            asked_inside: set[ZoneOf] = {asked} if asked else set()
            if isinstance(rule, Happened) and rule.is_ == "within":
                inner = windows.zone_of(windows.read(rule.value))
                asked_inside |= {inner} if inner else set()
            return asked_inside
        case _:
            return set()


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
    if _nesting(value) > 2 * MAX_DEPTH + 4:
        raise RuleBroken(f"A rule may be nested {MAX_DEPTH} deep.")
    try:
        rule = _ADAPTER.validate_python(value)
    except ValidationError as error:
        tags = {*_NAMES.values(), "LastDays", "Between", "Since", "Calendar", "SinceEntry"}
        where = ".".join(str(p) for p in error.errors()[0]["loc"] if p not in tags)
        raise RuleBroken(f"{where or 'rule'}: {said(error)}") from error
    depth, nodes = _size(rule)
    if depth > MAX_DEPTH:
        raise RuleBroken(f"A rule may be nested {MAX_DEPTH} deep; this one is {depth}.")
    if nodes > MAX_NODES:
        raise RuleBroken(f"A rule may have {MAX_NODES} parts; this one has {nodes}.")
    listed = sum(map(values_in, leaves(rule)))
    if listed > MAX_VALUES:
        raise RuleBroken(f"A rule may compare with {MAX_VALUES} values; this one does with {listed}.")
    return rule


def dump(rule: Rule) -> dict[str, Any]:
    """The rule as JSON; `read(dump(rule)) == rule`."""
    return rule.model_dump(mode="json", by_alias=True, exclude_none=True)
