"""The generic JSON API as a platform: whatever no ready-made connection speaks for, told in our own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Union

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from automation.changes import (
    CartChanged,
    CartDeleted,
    Change,
    ConsentChanged,
    CustomerChanged,
    CustomerDeleted,
    CustomersMerged,
    DueItemChanged,
    EventHappened,
    OrderChanged,
    OrderDeleted,
    OrderDelivered,
    OrderRefunded,
    ProductChanged,
    ProductDeleted,
)
from automation.errors import BadSignature, Unreadable
from automation.platform import Envelope, Platform, PlatformSettings, Request, read_json

COLLECTIONS: Mapping[str, tuple[type[Change], ...]] = {
    "customers": (CustomerChanged, CustomerDeleted, CustomersMerged),
    "events": (EventHappened,),
    "carts": (CartChanged, CartDeleted),
    "orders": (OrderChanged, OrderRefunded, OrderDelivered, OrderDeleted),
    "products": (ProductChanged, ProductDeleted),
    "due_items": (DueItemChanged,),
    "consents": (ConsentChanged,),
}
"""What may be told, by collection; the first type of each is meant where an item names none."""

MOST = 1000
"""Items in one request."""
DEEPEST = 32
"""Levels of lists and objects."""
_YEARS = range(1900, 2201)


def type_of(change: type[Change]) -> str:
    """The word that stands in an item's `type`."""
    return str(change.model_fields["type"].default)


COLLECTION_OF: Mapping[str, str] = {type_of(c): name for name, changes in COLLECTIONS.items() for c in changes}
"""{type: the collection it belongs to}, and so the scope it needs."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one item."""

    index: int
    field: str
    """Dotted path inside the item; empty for the item as a whole."""
    message: str


class Invalid(Unreadable):
    """Some of the items are not valid; none was taken."""

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        super().__init__(f"Item {first.index}{first.field and ', ' + first.field}: {first.message}")
        self.faults = faults


@cache
def _adapter(collection: str | None) -> TypeAdapter[list[Change]]:
    types = COLLECTIONS[collection] if collection else tuple(c for group in COLLECTIONS.values() for c in group)
    item: Any = Annotated[Union[types], Field(discriminator="type")] if len(types) > 1 else types[0]  # noqa: UP007  built at run time
    return TypeAdapter(list[item])


def parse(items: list[Any], collection: str | None = None) -> list[Change]:
    """Read items of one collection, or of any (then each names its `type`).

    Raises Invalid with every fault of every item.
    """
    default = type_of(COLLECTIONS[collection][0]) if collection else None
    faults = [f for index, item in enumerate(items) for f in _unstorable(index, item)]
    if faults:
        raise Invalid(faults)
    if default:
        items = [{"type": default, **item} if isinstance(item, dict) else item for item in items]
    try:
        changes = _adapter(collection).validate_python(items)
    except ValidationError as error:
        raise Invalid([_fault(e["loc"], e["msg"]) for e in error.errors(include_url=False)]) from error
    faults = [Fault(i, path, "the year is out of range") for i, c in enumerate(changes) for path in _odd_instants(c)]
    if faults:
        raise Invalid(faults)
    return changes


def _fault(loc: tuple[Any, ...], message: str) -> Fault:
    index, *path = loc
    # In a union pydantic puts the chosen type's word between the item and the field; no reader needs it.
    if path and path[0] in COLLECTION_OF:
        path = path[1:]
    return Fault(int(index), ".".join(map(str, path)), message.removeprefix("Value error, "))


def _unstorable(index: int, item: Any) -> list[Fault]:
    """What no database keeps: zero characters, and structures too deep to be read again."""
    found: list[Fault] = []

    def walk(value: Any, path: str, depth: int) -> None:
        if depth > DEEPEST:
            found.append(Fault(index, path[:200], f"nested deeper than {DEEPEST} levels"))
        elif isinstance(value, str):
            if "\x00" in value:
                found.append(Fault(index, path, "holds a zero character"))
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(key, path, depth)
                walk(inner, f"{path}.{key}" if path else key, depth + 1)
        elif isinstance(value, list):
            for position, inner in enumerate(value):
                walk(inner, f"{path}.{position}" if path else str(position), depth + 1)

    walk(item, "", 0)
    return found


def _odd_instants(model: BaseModel) -> list[str]:
    """Paths of instants so far away that no calendar arithmetic is safe with them."""
    found = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, datetime) and value.year not in _YEARS:
            found.append(name)
        elif isinstance(value, BaseModel):
            found += [f"{name}.{inner}" for inner in _odd_instants(value)]
    return found


def _batch(body: Any) -> list[Change]:
    items = body.get("changes") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise Unreadable('The body must be {"changes": [ … ]}.')
    if len(items) > MOST:
        raise Unreadable(f"changes: {len(items)} items, at most {MOST} in one request.")
    return parse(items)


TOPICS: Mapping[str, Callable[[Any], list[Change]]] = {"batch": _batch}


class NoSettings(PlatformSettings):
    """There is nothing to fill in: the API's keys are made for the connection."""


class Api(Platform):
    """Anything that can send JSON.

    Programs tell of customers, events, carts, orders, products, due items and consents at /api/v1 with a key that
    is made for this connection. /api/openapi.json describes all of it.
    """

    label: ClassVar[str] = "JSON API"
    Settings = NoSettings
    topics = frozenset(TOPICS)

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        """Refuse: the API has a door of its own, where a key is asked for."""
        raise BadSignature("Post to /api/v1 with a key; this connection has no webhooks.")

    def translate(self, envelope: Envelope) -> list[Change]:
        read = TOPICS.get(envelope.topic)
        return read(read_json(envelope.body)) if read else []
