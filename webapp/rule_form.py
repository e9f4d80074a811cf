"""Rules as forms: a tree of lines that a person fills in, read from a form and written into it.

A line may be incomplete while it is being filled in; a rule is made of it when it is saved. What a form cannot show is
kept as it is: `lines_of()` answers a line of the kind "kept" for it, and `rule_of(lines_of(rule))` is always the rule.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from automation.errors import RuleBroken, Unreadable
from automation.money import decimal_text, minor_units
from automation.rules import checks, language
from automation.rules.families import FAMILIES, family
from automation.rules.fields import FIELDS, PATHS

Line = dict[str, Any]
"""A node as it is typed: its "kind", its texts, and of a group its "parts"."""

GROUPS = {"all": "All of these hold", "any": "At least one of these holds", "none": "None of these holds"}
NO_VALUE = ("is_known", "is_unknown", "is_today", "anniversary_is_today")
LISTS = ("in", "not_in")
WINDOWS = {
    "": "at any time",
    "last_days": "in the last days",
    "calendar": "in a calendar's span",
    "between": "between two dates",
    "since": "since a date",
    "since_entry": "since they entered the campaign",
}
_NUMBER = re.compile(r"^-?\d+$")
NEW: dict[str, Line] = {
    "field": {"kind": "field", "field": "country", "is": "in", "value": ""},
    "event": {"kind": "event", "event": "order.placed", "do": "count", "is": "at_least", "value": "1", "where": []},
    "bought": {"kind": "bought", "by": "category", "names": ""},
    "consent": {"kind": "consent", "topic": "marketing", "is": "granted"},
    "suppressed": {"kind": "suppressed", "is": "no"},
    "segment": {"kind": "segment", "segment": ""},
    "all": {"kind": "all", "parts": []},
    "any": {"kind": "any", "parts": []},
}
"""What a new line says."""


def type_of(line: Line) -> str:
    """The type of what a line's value is compared with."""
    if line["kind"] == "field":
        return "json" if line["field"].rstrip(".") in PATHS else FIELDS[line["field"]].type
    return "instant" if line.get("do") in ("first", "last") else "number"


def filter_type(line: Line, name: str) -> str:
    """The type of an event's property."""
    known = family(event_of(line)).properties
    return known[name].type if name in known else "json"


def is_money(line: Line) -> bool:
    """Whether its value is an amount of the store's currency."""
    if line["kind"] == "field":
        return line["field"] in FIELDS and FIELDS[line["field"]].is_money
    return line.get("do") not in ("count", "first", "last") and _is_amount(line, line.get("property", ""))


def _is_amount(line: Line, name: str) -> bool:
    known = family(event_of(line)).properties
    return name in known and known[name].is_money


def event_of(line: Line) -> str:
    """The event's name, chosen or typed."""
    return line["event"] if line["event"] in FAMILIES else line.get("other", "").strip() or "x"


# --- from a rule -----------------------------------------------------------------------------------------------------


def lines_of(rule: Any, currency: str) -> Line:
    """A rule's JSON as lines; the outermost is always a group."""
    line = _line(rule, currency)
    return line if line["kind"] in GROUPS else {"kind": "all", "parts": [line], "is_bare": "yes"}


def _line(rule: Any, currency: str) -> Line:
    if "all" in rule or "any" in rule:
        kind = "all" if "all" in rule else "any"
        return {"kind": kind, "parts": [_line(part, currency) for part in rule[kind]]}
    if "not" in rule:
        inner = rule["not"]
        parts = inner["any"] if len(inner.get("any", ())) > 1 else [inner]
        return {"kind": "none", "parts": [_line(part, currency) for part in parts]}
    try:
        line = _leaf(rule, currency)
        if _json(line, currency) == rule:
            return line
    except (KeyError, ValueError, TypeError, Unreadable):
        pass
    return {"kind": "kept", "json": rule}


def _leaf(rule: dict[str, Any], currency: str) -> Line:
    if "field" in rule:
        head, _, rest = rule["field"].partition(".")
        line: Line = {"kind": "field", "field": f"{head}." if rest else head, "path": rest, "is": rule["is"]}
        return {**line, **_shown(rule, type_of(line), currency if is_money(line) else ""), "zone": rule.get("zone", "")}
    if "event" in rule:
        is_own = rule["event"] not in FAMILIES
        line = {"kind": "event", "event": "other" if is_own else rule["event"], "other": rule["event"] * is_own}
        line |= {"do": rule["do"], "property": rule.get("property", ""), "is": rule["is"]}
        line |= _shown(rule, type_of(line), currency if is_money(line) else "") | _window_shown(rule)
        line["where"] = [_filter_shown(line, one, currency) for one in rule.get("where", ())]
        return line
    if "bought" in rule:
        ((by, names),) = rule["bought"].items()
        return {"kind": "bought", "by": by, "names": _listed(names), **_window_shown(rule)}
    if "consent" in rule:
        return {"kind": "consent", "topic": rule["consent"], "is": rule["is"], **_window_shown(rule)}
    if "suppressed" in rule:
        if not isinstance(rule["suppressed"], bool):
            raise ValueError("reasons are kept")
        return {"kind": "suppressed", "is": "yes" if rule["suppressed"] else "no"}
    return {"kind": "segment", "segment": str(rule["segment"])}


def _filter_shown(line: Line, one: dict[str, Any], currency: str) -> Line:
    money = currency if _is_amount(line, one["property"]) else ""
    kind = filter_type(line, one["property"])
    return {"property": one["property"], "is": one["is"], **_shown(one, kind, money)}


def _shown(rule: dict[str, Any], kind: str, currency: str) -> dict[str, str]:
    value = rule.get("value")
    match value:
        case None:
            return {"value": "", "as": ""}
        case bool():
            return {"value": "yes" if value else "no", "as": "yes"}
        case list():
            return {"value": _listed(value), "as": ""}
        case int() | float():
            text = decimal_text(value, currency) if currency and isinstance(value, int) else _digits(value)
            return {"value": text, "as": "number"}
        case str():
            return {"value": value, "as": "text" if kind == "json" else ""}
    raise ValueError("a window is kept")


def _window_shown(rule: dict[str, Any]) -> dict[str, str]:
    window = rule.get("within")
    if window is None:
        return {"w": ""}
    zone = {"w_zone": window.get("zone", "")}
    if "last_days" in window:
        return {"w": "last_days", "w_days": _digits(window["last_days"]), **zone}
    if "between" in window:
        return {"w": "between", "w_from": window["between"][0], "w_to": window["between"][1], **zone}
    if "since" in window:
        return {"w": "since", "w_from": window["since"], **zone}
    if "calendar" in window:
        return {"w": "calendar", "w_name": window["calendar"], **zone}
    return {"w": "since_entry", **zone}


def _digits(value: float) -> str:
    return (
        repr(int(value))
        if float(value).is_integer() and isinstance(value, float) and abs(value) < 2**53
        else repr(value)
    )


def _listed(values: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="", skipinitialspace=False).writerow(values)
    return (
        out.getvalue().replace(",", ", ")
        if not any("," in v or '"' in v or "\n" in v for v in values)
        else out.getvalue()
    )


# --- into a rule -----------------------------------------------------------------------------------------------------


def rule_of(line: Line, currency: str) -> dict[str, Any]:
    """The rule that lines say. Raises RuleBroken for one that cannot be; `problems()` says which line and why."""
    wrong = problems(line, currency)
    if wrong:
        raise RuleBroken(next(iter(wrong.values())))
    made = _json(line, currency)
    return language.dump(
        language.read(made["all"][0] if line.get("is_bare") and len(made.get("all", ())) == 1 else made)
    )


def problems(line: Line, currency: str, path: str = "r") -> dict[str, str]:
    """{path of a line: what is wrong with it}; empty when a rule can be made."""
    if line["kind"] in GROUPS:
        found: dict[str, str] = {}
        for number, part in enumerate(line["parts"]):
            found |= problems(part, currency, f"{path}.{number}")
        if line["kind"] == "none" and not line["parts"]:
            found[path] = "Say what must not hold, or take the group away."
        if not found and path == "r":
            found |= _of(lambda: language.read(_json(line, currency)), path)
        return found
    return _of(lambda: language.read(_json(line, currency)), path)


def _of(make: Any, path: str) -> dict[str, str]:
    try:
        make()
    except RuleBroken as error:
        words = str(error).partition(": ")[2] or str(error)
        return {path: f"{words[:1].upper()}{words[1:].rstrip('.')}."}
    except (ValueError, KeyError, Unreadable) as error:
        return {path: str(error) or "This is not complete."}
    return {}


def _json(line: Line, currency: str) -> dict[str, Any]:
    match line["kind"]:
        case "all" | "any":
            return {line["kind"]: [_json(part, currency) for part in line["parts"]]}
        case "none":
            parts = [_json(part, currency) for part in line["parts"]]
            return {"not": parts[0] if len(parts) == 1 else {"any": parts}}
        case "kept":
            kept: dict[str, Any] = line["json"]
            return kept
        case "field":
            return _field_json(line, currency)
        case "event":
            return _event_json(line, currency)
        case "bought":
            return {"bought": {line["by"]: _values(line["names"])}, **_window(line)}
        case "consent":
            return {"consent": line["topic"].strip(), "is": line["is"], **_window(line)}
        case "suppressed":
            return {"suppressed": line["is"] == "yes"}
        case "segment":
            if not line["segment"]:
                raise ValueError("Choose a segment.")
            return {"segment": int(line["segment"])}
    raise ValueError("This line has no kind.")


def _field_json(line: Line, currency: str) -> dict[str, Any]:
    name = line["field"] + (line.get("path", "").strip() if line["field"].endswith(".") else "")
    made: dict[str, Any] = {"field": name, "is": line["is"], **_value(line, type_of(line), currency, is_money(line))}
    if line.get("zone") and checks.asks_the_day(name, line["is"]):
        made["zone"] = line["zone"]
    return made


def _event_json(line: Line, currency: str) -> dict[str, Any]:
    made: dict[str, Any] = {"event": event_of(line), "do": line["do"]}
    if line["do"] in ("sum", "average", "min", "max"):
        made["property"] = line.get("property", "")
    made["is"] = line["is"]
    made |= _value(line, type_of(line), currency, is_money(line)) | _window(line)
    made["where"] = [
        {
            "property": one["property"],
            "is": one["is"],
            **_value(one, filter_type(line, one["property"]), currency, _is_amount(line, one["property"])),
        }
        for one in line.get("where", ())
    ]
    return made


def _value(line: Line, kind: str, currency: str, is_amount: bool) -> dict[str, Any]:
    """{"value": …} as the operator and the type want it."""
    text = str(line.get("value", "")).strip() if line["is"] not in ("is", "is_not") else str(line.get("value", ""))
    if line["is"] in NO_VALUE:
        return {}
    if line["is"] in LISTS:
        return {"value": _values(text)}
    wanted = line.get("as", "") if kind == "json" else ""
    if kind == "boolean" or wanted == "yes":
        return {"value": text == "yes"}
    days = ("in_last_days", "not_in_last_days", "over_days_ago", "in_next_days", "anniversary_in_next_days")
    if kind == "number" or wanted == "number" or line["is"] in days:
        if is_amount:
            return {"value": minor_units(text, currency)}
        return {"value": _number(text)}
    return {"value": text}


def _number(text: str) -> int | float:
    if not text.strip():
        raise ValueError("A number is missing.")
    try:
        return int(text) if _NUMBER.match(text.strip()) else float(text)
    except ValueError as error:
        raise ValueError(f"“{text}” is no number.") from error


def _values(text: str) -> list[str]:
    """A list, with commas between; one that holds a comma stands in quotes."""
    rows = list(csv.reader(io.StringIO(text), skipinitialspace=True))
    return [value for row in rows for value in row if value]


def _window(line: Line) -> dict[str, Any]:
    zone = {"zone": line["w_zone"]} if line.get("w_zone") else {}
    match line.get("w", ""):
        case "last_days":
            return {"within": {"last_days": float(_number(line.get("w_days", "")))}}
        case "between":
            return {"within": {"between": [line.get("w_from", ""), line.get("w_to", "")], **zone}}
        case "since":
            return {"within": {"since": line.get("w_from", ""), **zone}}
        case "calendar":
            return {"within": {"calendar": line.get("w_name") or "this_month", **zone}}
        case "since_entry":
            return {"within": {"since_entry": True}}
    return {}
