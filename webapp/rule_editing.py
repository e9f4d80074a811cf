"""A rule's lines in the browser: read back from the form, and changed by its buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import orjson

from automation.errors import NotAllowed
from automation.rules.fields import FIELDS, PATHS
from automation.rules.language import MAX_FILTERS
from automation.rules.operators import OPERATORS
from webapp.rule_form import GROUPS, NEW, Line, filter_type, type_of

_NAME = re.compile(r"^(r(?:\.\d{1,3}){0,9})(?:\.f(\d))?\.([a-z_]{1,12})$")
_MOST_BACK = 20
"""Steps that can be undone."""
_COUNTS = ("is", "is_not", "at_least", "at_most", "more_than", "less_than")
_DEFAULTS: dict[str, str] = {"number": "at_least", "instant": "in_last_days", "tags": "has", "boolean": "is"}


def read_lines(form: Mapping[str, str]) -> Line:
    """The lines as they stand in a form; an empty group where there are none. What belongs to no line is left out."""
    nodes: dict[str, Line] = {}
    filters: dict[str, dict[int, Line]] = {}
    for name, text in form.items():
        found = _NAME.match(name)
        if found is None:
            continue
        path, number, key = found.groups()
        if number is None:
            nodes.setdefault(path, {})[key] = text[:20_000]
        else:
            filters.setdefault(path, {}).setdefault(int(number), {})[key] = text[:5_000]
    return _built("r", nodes, filters) or {"kind": "all", "parts": []}


def _built(path: str, nodes: dict[str, Line], filters: dict[str, dict[int, Line]]) -> Line | None:
    line = nodes.get(path)
    if line is None or line.get("kind") not in (*GROUPS, *NEW, "kept"):
        return None
    if line["kind"] in GROUPS:
        inside = (_built(below, nodes, filters) for below in sorted(nodes, key=_order) if _is_below(below, path))
        return {**line, "parts": [part for part in inside if part is not None]}
    if line["kind"] == "kept":
        return {"kind": "kept", "json": _json_of(line.get("json", ""))}
    whole = {**NEW[line["kind"]], **line}
    if line["kind"] == "event":
        whole["where"] = [
            {"property": "", "is": "is", "value": "", **one} for _, one in sorted(filters.get(path, {}).items())
        ]
    return _fitting(whole)


def _order(path: str) -> list[int]:
    return [int(number) for number in path.split(".")[1:]]


def _is_below(path: str, group: str) -> bool:
    return path.startswith(f"{group}.") and path.count(".") == group.count(".") + 1


def _json_of(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"all": []}


def _fitting(line: Line) -> Line:
    """A line whose operator fits what was chosen before it: another field has other operators."""
    if line["kind"] == "field":
        if line["field"].rstrip(".") not in (*FIELDS, *PATHS):
            line["field"] = "country"
        _choose(line, tuple(OPERATORS[type_of(line)]))
    elif line["kind"] == "event":
        _choose(line, _COUNTS if line["do"] in ("count", "sum") else tuple(OPERATORS[type_of(line)]))
        for one in line["where"]:
            _choose(one, tuple(OPERATORS[filter_type(line, one["property"])]))
    return line


def _choose(line: Line, known: tuple[str, ...]) -> None:
    if line["is"] not in known:
        usual = next((word for word in _DEFAULTS.values() if word in known), known[0])
        line["is"] = "in" if "in" in known else usual


def changed(line: Line, do: str) -> Line:
    """The lines after a button: "add r.0 field", "drop r.1", "up r.1", "down r.1", "copy r.1", "wrap r.1",
    "filter r.1", "unfilter r.1 0". Raises NotAllowed for one that makes no sense.
    """
    what, _, rest = do.partition(" ")
    path, _, more = rest.partition(" ")
    root = deepcopy(line)
    root.pop("is_bare", None)
    try:
        if what == "add":
            _at(root, path)["parts"].append(deepcopy(NEW[more]))
        elif what == "filter":
            where = _at(root, path)["where"]
            if len(where) >= MAX_FILTERS:
                raise NotAllowed(f"A line may have {MAX_FILTERS} conditions.")
            where.append({"property": "", "is": "is", "value": ""})
        elif what == "unfilter":
            del _at(root, path)["where"][int(more)]
        else:
            _move(root, what, path)
    except (KeyError, IndexError, ValueError) as error:
        raise NotAllowed("That line is not there any more.") from error
    return root


def _at(root: Line, path: str) -> Line:
    line = root
    for number in path.split(".")[1:]:
        line = line["parts"][int(number)]
    return line


def _move(root: Line, what: str, path: str) -> None:
    above, _, last = path.rpartition(".")
    parts, number = _at(root, above)["parts"], int(last)
    match what:
        case "drop":
            del parts[number]
        case "up" if number > 0:
            parts[number - 1], parts[number] = parts[number], parts[number - 1]
        case "down" if number + 1 < len(parts):
            parts[number + 1], parts[number] = parts[number], parts[number + 1]
        case "copy":
            parts.insert(number + 1, deepcopy(parts[number]))
        case "wrap":
            parts[number] = {"kind": "any", "parts": [parts[number]]}
        case "up" | "down":
            pass
        case _:
            raise ValueError(what)


def remembered(form: Mapping[str, str]) -> list[Line]:
    """How the lines stood before, the latest last."""
    try:
        found = orjson.loads(form.get("before", "[]"))
    except orjson.JSONDecodeError:
        return []
    return [one for one in found if isinstance(one, dict) and one.get("kind") in GROUPS][-_MOST_BACK:]


def is_same(one: Line, other: Line) -> bool:
    """Whether two say the same, whatever a browser sends of choices that are empty."""
    return bool(_bare(one) == _bare(other))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if part != ""}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def to_remember(before: list[Line], line: Line) -> str:
    """What goes into the form's field "before"."""
    return orjson.dumps([*before, line][-_MOST_BACK:]).decode()
