"""How things compare: the operators of each type in words, and which values each of them takes."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any, Literal

from pydantic import ValidationError

from automation.rules import windows

ValueType = Literal["text", "number", "boolean", "instant", "annual", "tags", "lines", "json"]
"""`annual` is a month and a day; `lines` the products of an order; `json` whatever an attribute happens to hold."""

MAX_LIST = 500
MAX_LETTERS = 500
MAX_NUMBER = 2**53
"""Beyond this a number of JSON is no longer exact."""
MAX_DAYS_AHEAD = 365

_KNOWN = {"is_known": "is known", "is_unknown": "is not known"}
_TEXT = {
    "is": "is",
    "is_not": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "starts_with": "starts with",
}
_NUMBER = {
    "is": "is",
    "is_not": "is not",
    "at_least": "is at least",
    "at_most": "is at most",
    "more_than": "is more than",
    "less_than": "is less than",
}
_TAGS = {"has": "include", "has_not": "do not include"}
_INSTANT = {
    "in_last_days": "was in the last",
    "not_in_last_days": "was not in the last",
    "over_days_ago": "was more than",
    "in_next_days": "is in the next",
    "before": "was before",
    "after": "was after",
    "within": "was",
}
_DATE = {
    "is_today": "is today",
    "in_next_days": "is today or in the next",
    "in_last_days": "was today or in the last",
}
_ANNIVERSARY = {
    "anniversary_is_today": "has its anniversary today",
    "anniversary_in_next_days": "has its anniversary today or in the next",
}
OPERATORS: dict[str, dict[str, str]] = {
    "text": {**_TEXT, **_KNOWN},
    "number": {**_NUMBER, **_KNOWN},
    "boolean": {"is": "is", **_KNOWN},
    "instant": {**_INSTANT, **_KNOWN},
    "annual": {**_DATE, **_KNOWN},
    "tags": _TAGS,
    "lines": {key: _TEXT[key] for key in ("is", "is_not", "in", "not_in")},
    "json": {
        **_TEXT,
        **_NUMBER,
        **_TAGS,
        **_DATE,
        **_ANNIVERSARY,
        "before": "is before",
        "after": "is after",
        **_KNOWN,
    },
}
"""Operators of each type, in words."""

ZONED = {"is_today", "in_next_days", "in_last_days", "anniversary_is_today", "anniversary_in_next_days"}
"""Operators on dates that ask which day it is."""
_NO_VALUE = {"is_known", "is_unknown", "is_today", "anniversary_is_today"}
_DAYS = {"in_last_days", "not_in_last_days", "over_days_ago", "in_next_days"}


def problem_of(kind: str, operator: str, value: Any) -> str:
    """What is wrong with a value for an operator of a type; empty when nothing is."""
    if operator in _NO_VALUE:
        return "" if value is None else "takes no value"
    if operator in ("in", "not_in"):
        return _list_problem(value)
    if operator == "within":
        return _window_problem(value)
    if kind in ("annual", "json") and (operator in _DAYS or operator == "anniversary_in_next_days"):
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_DAYS_AHEAD
        return "" if fits else f"needs a whole number of days, 1 to {MAX_DAYS_AHEAD}"
    if operator in _DAYS:
        return "" if is_number(value) and 0 < value <= windows.MAX_DAYS else "needs a number of days"
    return _plain_problem(kind, operator, value)


def _plain_problem(kind: str, operator: str, value: Any) -> str:
    if kind == "number" or (kind == "json" and operator in ("at_least", "at_most", "more_than", "less_than")):
        return "" if is_number(value) else "needs a number"
    if kind == "boolean":
        return "" if isinstance(value, bool) else "needs true or false"
    if kind == "instant":
        return "" if isinstance(windows.moment(value), datetime) else "needs an ISO date and time with its zone"
    if operator in ("before", "after"):
        found = windows.moment(value)
        fits = isinstance(found, date) and not isinstance(found, datetime)
        return "" if fits else "needs a date, as in 2026-03-01"
    if kind == "json" and operator in ("is", "is_not") and not isinstance(value, str):
        return "" if isinstance(value, bool) or is_number(value) else "needs a text, a number, or true or false"
    return _text_problem(value)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that both databases hold exactly; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= MAX_NUMBER


def _text_problem(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LETTERS:
        return f"needs a text of 1 to {MAX_LETTERS} letters"
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        return "holds a letter that no database can keep"
    return ""


def _list_problem(value: Any) -> str:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LIST:
        return f"needs a list of 1 to {MAX_LIST} texts"
    return next((f"{problem} in its list" for part in value if (problem := _text_problem(part))), "")


def _window_problem(value: Any) -> str:
    try:
        windows.read(value)
    except ValidationError as error:
        return said(error)
    return ""


def said(error: ValidationError) -> str:
    """The first complaint of a failed validation, without pydantic's own words around it."""
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
