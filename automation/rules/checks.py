"""Whether a comparison makes sense: what there is to ask, by which operators, with which values.

Each function raises ValueError with what is wrong, for pydantic to say where.
"""

from __future__ import annotations

import re
from typing import Any

from automation.rules.families import FAMILIES, Property, family
from automation.rules.fields import FIELDS, PATHS, Do
from automation.rules.operators import OPERATORS, ZONED, ValueType, problem_of

MAX_KEYS = 5
_EVENT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_KEY = re.compile(r'[^\x00-\x1f."\\\ud800-\udfff]{1,100}')
_COUNTS = ("is", "is_not", "at_least", "at_most", "more_than", "less_than")


def keys_of(path: str) -> tuple[str, ...] | None:
    """The keys of a path into a document; None for one that cannot be read."""
    keys = tuple(path.split("."))
    return keys if len(keys) <= MAX_KEYS and all(_KEY.fullmatch(key) for key in keys) else None


def document(name: str) -> tuple[str, tuple[str, ...]] | None:
    """For a field like `attributes.size.shoe` the document and the keys; None for a field of the catalogue."""
    head, _, rest = name.partition(".")
    keys = keys_of(rest)
    return (head, keys) if head in PATHS and keys else None


def type_of(name: str) -> ValueType:
    """A field's type. Raises ValueError for a field that does not exist."""
    if name in FIELDS:
        return FIELDS[name].type
    if document(name) is None:
        paths = ", ".join(f"{head}.…" for head in PATHS)
        raise ValueError(f"there is no field {name[:80]!r}; there are {', '.join(FIELDS)}, {paths}")
    return "json"


def asks_the_day(name: str, operator: str) -> bool:
    """Whether a comparison depends on which day it is in a calendar."""
    return operator in ZONED and type_of(name) in ("annual", "json")


def field(name: str, operator: str, value: Any, zone: str | None) -> None:
    """A field of the customer."""
    kind = type_of(name)
    _comparison(name, kind, operator, value)
    if zone is not None and not asks_the_day(name, operator):
        raise ValueError(f"{name} {operator}: takes no zone")


def _comparison(name: str, kind: str, operator: str, value: Any) -> None:
    known = OPERATORS[kind]
    if operator not in known:
        raise ValueError(f"{name} cannot be compared by {operator[:80]!r}; it can by {', '.join(known)}")
    problem = problem_of(kind, operator, value)
    if problem:
        raise ValueError(f"{name} {known[operator]}: {problem}")


def event(name: str, do: Do, of: str | None, operator: str, value: Any) -> None:
    """A figure over events."""
    if not _EVENT.fullmatch(name) or len(name) > 128:
        raise ValueError(f"{name[:80]!r} is no event's name: words of a-z, 0-9 and _, with dots between")
    if name.startswith("mail.") and name not in FAMILIES:
        raise ValueError(f"there is no event {name!r}; there are {', '.join(FAMILIES)} and the store's own")
    takes_property = do in ("sum", "average", "min", "max")
    if takes_property and of is None:
        raise ValueError(f"{name}: {do} needs a property")
    if not takes_property and of is not None:
        raise ValueError(f"{name}: {do} takes no property")
    if of is not None and not (_is_path(name, of) or _property(name, of).type == "number"):
        raise ValueError(f"{name}: {of} is no number")
    kind = "instant" if do in ("first", "last") else "number"
    if do in ("count", "sum") and operator not in _COUNTS:
        raise ValueError(f"{name}: {do} cannot be compared by {operator[:80]!r}; it can by {', '.join(_COUNTS)}")
    _comparison(f"{name}: {do}", kind, operator, value)


def _is_path(event_name: str, name: str) -> bool:
    """Whether a property is a part of the event's document."""
    found = family(event_name)
    if found.json is None or name in found.properties or not name.startswith(found.json_prefix):
        return False
    return keys_of(name.removeprefix(found.json_prefix)) is not None


def _property(event_name: str, name: str) -> Property:
    known = family(event_name).properties
    if name not in known:
        listed = f"; it has {', '.join(known)}" if known else ""
        raise ValueError(f"{event_name} has no property {name[:80]!r}{listed}")
    return known[name]


def event_property(event_name: str, name: str, operator: str, value: Any, where: str) -> None:
    """A filter on a property of an event; `where` stands before the complaint."""
    try:
        _event_property(event_name, name, operator, value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _event_property(event_name: str, name: str, operator: str, value: Any) -> None:
    kind = "json" if _is_path(event_name, name) else _property(event_name, name).type
    if kind == "json" and operator in ZONED | {"before", "after"}:
        raise ValueError(f"{name} cannot be compared by {operator!r}: events are filtered by what they hold")
    _comparison(name, kind, operator, value)
