"""One comparison as SQL: true or false, never NULL, of a column of any type with a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, false, func, not_, or_

from automation.rules import windows
from automation.rules.dialects import (
    at_path,
    date_in,
    folded,
    json_boolean,
    json_has,
    json_kind,
    json_number,
    json_text,
)
from automation.rules.operators import is_number
from automation.rules.windows import TICK, Span

Truth = ColumnElement[bool]


def sure(condition: Any) -> Truth:
    """A condition with NULL read as false."""
    return func.coalesce(condition, false())


def compared(column: Any, kind: str, operator: str, value: Any) -> Truth:
    """A column of a type that needs no calendar: text, number, boolean, tags."""
    match operator:
        case "is_known":
            return _is_known(column, kind)
        case "is_unknown":
            return not_(_is_known(column, kind))
        case "has":
            return sure(json_has(*at_path(column, ()), value))
        case "has_not":
            return sure(not_(json_has(*at_path(column, ()), value)))
    if kind == "text":
        return sure(_text(folded(column), operator, value))
    if kind == "boolean":
        return sure(column if value else not_(column))
    # Said so, an index on the column still serves, which under coalesce() it would not.
    return and_(column.is_not(None), number(column, operator, value))


def number(column: Any, operator: str, value: float) -> Any:
    """A number against a number."""
    match operator:
        case "is":
            return column == value
        case "is_not":
            return column != value
        case "at_least":
            return column >= value
        case "at_most":
            return column <= value
        case "more_than":
            return column > value
        case "less_than":
            return column < value
    raise ValueError(f"{operator} does not compare numbers")


def number_holds(seen: float, operator: str, value: float) -> bool:
    """The same for two numbers that are known already."""
    return bool(number(seen, operator, value))


def _text(column: Any, operator: str, value: Any) -> Any:
    match operator:
        case "is":
            return column == fold(value)
        case "is_not":
            return column != fold(value)
        case "in":
            return column.in_([fold(v) for v in value])
        case "not_in":
            return column.not_in([fold(v) for v in value])
        case "contains":
            return column.contains(fold(value), autoescape=True)
        case "starts_with":
            return column.startswith(fold(value), autoescape=True)
    raise ValueError(f"{operator} does not compare texts")


def fold(text: str) -> str:
    """A text as the databases' `folded` has it."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _is_known(column: Any, kind: str) -> Truth:
    return and_(column.is_not(None), column != "") if kind == "text" else and_(column.is_not(None))


def line(column: Any, name: str, values: Sequence[str]) -> Truth:
    """A line of an order that is one of some products."""
    if name == "tag":
        return or_(*(sure(json_has(*at_path(column, ()), value)) for value in values))
    return sure(folded(column).in_([fold(value) for value in values]))


def in_span(column: Any, span: Span) -> Truth:
    """An instant in a span; an unknown one is in none."""
    bounds = [column.is_not(None)]
    if span.since is not None:
        bounds.append(column > span.since if span.is_after else column >= span.since)
    if span.until is not None:
        bounds.append(column < span.until)
    return and_(*bounds)


def span_of(operator: str, value: Any, now: datetime, where: ZoneInfo) -> Span:
    """The span in which an instant lies for which the operator holds ("not_in_last_days": does not hold)."""
    match operator:
        case "in_last_days" | "not_in_last_days":
            return Span(now - timedelta(days=value) + TICK, now + TICK)
        case "over_days_ago":
            return Span(None, now - timedelta(days=value))
        case "in_next_days":
            return Span(now, now + timedelta(days=value))
        case "before":
            return Span(None, datetime.fromisoformat(value).astimezone(UTC))
        case "after":
            return Span(datetime.fromisoformat(value).astimezone(UTC) + TICK)
        case "within":
            return windows.span(windows.read(value), now, where)
        case "is_known" | "is_unknown":
            return Span()
    raise ValueError(f"{operator} does not compare instants")


def instant(column: Any, operator: str, span: Span) -> Truth:
    """An instant, by the span that its operator means."""
    match operator:
        case "is_unknown":
            return and_(column.is_(None))
        case "not_in_last_days":
            return and_(column.is_not(None), not_(in_span(column, span)))
        case _:
            return in_span(column, span)


def document(column: Any, path: Sequence[str], operator: str, value: Any) -> Truth:
    """A part of a JSON document; the value says which type is asked for."""
    at = at_path(column, path)
    match operator:
        case "is_known" | "is_unknown":
            known = and_(func.coalesce(json_kind(*at), "null") != "null", func.coalesce(json_text(*at), "-") != "")
            return known if operator == "is_known" else not_(known)
        case "has":
            return sure(json_has(*at, value))
        case "has_not":
            return sure(not_(json_has(*at, value)))
        case "is" | "is_not" if isinstance(value, bool):
            return sure(json_boolean(*at) if value == (operator == "is") else not_(json_boolean(*at)))
        case "is" | "is_not" | "at_least" | "at_most" | "more_than" | "less_than" if is_number(value):
            return sure(number(json_number(*at), operator, value))
        case "before":
            return sure(date_in(json_text(*at)) < value)
        case "after":
            return sure(date_in(json_text(*at)) > value)
    return sure(_text(folded(json_text(*at)), operator, value))


def document_day(column: Any, path: Sequence[str], operator: str, value: Any, today: date) -> Truth:
    """A date in a JSON document, against today's."""
    on = date_in(json_text(*at_path(column, path)))
    if operator.startswith("anniversary_"):
        days = value if operator == "anniversary_in_next_days" else 0
        yearly = func.substr(on, 6, 5)
        return sure(_in_year(yearly, today, today + timedelta(days=days), "{:02}-{:02}".format))
    first, last = _days(operator, value, today)
    return sure(on.between(first.isoformat(), last.isoformat()))


def annual(column: Any, operator: str, value: Any, today: date) -> Truth:
    """A month and day (month × 100 + day), against today's."""
    first, last = _days(operator, value, today)
    return and_(column.is_not(None), _in_year(column, first, last, lambda month, day: month * 100 + day))


def _days(operator: str, value: Any, today: date) -> tuple[date, date]:
    match operator:
        case "in_next_days":
            return today, today + timedelta(days=value)
        case "in_last_days":
            return today - timedelta(days=value), today
    return today, today


def _in_year(column: Any, first: date, last: date, code: Any) -> Any:
    """A month and day that falls on a date from `first` to `last`; the 29th of February else on the 28th."""
    if (last - first).days >= 365:
        return column.is_not(None)
    # Where the year has no 29th, the 28th stands for both: the span ends on the later of the two.
    no_leap_day = last.month == 2 and last.day == 28 and (last + timedelta(days=1)).day == 1
    start, end = code(first.month, first.day), code(2, 29) if no_leap_day else code(last.month, last.day)
    if (first.month, first.day) <= (last.month, last.day):
        return column.between(start, end)
    return or_(column >= start, column <= end)
