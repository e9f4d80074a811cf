"""Reads a rule into a predicate over `Customer`, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, false, func, not_, or_, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from automation.errors import RuleBroken
from automation.rules.fields import FIELDS
from automation.rules.language import All, Any_, Compare, InSegment, Not, Rule

MAX_SEGMENT_DEPTH = 4


class json_has(GenericFunction[bool]):
    """Whether a JSON list of texts holds a text."""

    inherit_cache = True


@compiles(json_has, "sqlite")
def _json_has_sqlite(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = element.clauses
    return (
        f"EXISTS (SELECT 1 FROM json_each({compiler.process(column, **kw)}) AS tag "
        f"WHERE tag.value = {compiler.process(value, **kw)})"
    )


@compiles(json_has, "postgresql")
def _json_has_postgresql(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = element.clauses
    return (
        f"({compiler.process(cast(column, JSONB), **kw)} @> jsonb_build_array({compiler.process(value, **kw)}::text))"
    )


def predicate(
    rule: Rule, now: datetime, segments: Mapping[int, Rule] | None = None, depth: int = 0
) -> ColumnElement[bool]:
    """A WHERE clause over Customer that is true for whom the rule holds at `now`, and false, never NULL, for others.

    `segments` holds the rules of saved segments by id. Raises RuleBroken for an unknown or circular segment.
    """

    def read(part: Rule) -> ColumnElement[bool]:
        return predicate(part, now, segments, depth)

    match rule:
        case All():
            return and_(true(), *map(read, rule.all))
        case Any_():
            return or_(false(), *map(read, rule.any))
        case Not():
            return not_(read(rule.not_))
        case InSegment():
            inner = (segments or {}).get(rule.segment)
            if inner is None:
                raise RuleBroken(f"There is no segment {rule.segment}.")
            if depth >= MAX_SEGMENT_DEPTH:
                raise RuleBroken("Segments refer to each other too deeply, or in a circle.")
            return predicate(inner, now, segments, depth + 1)
        case Compare():
            return func.coalesce(_compare(rule, now), false())


def _compare(rule: Compare, now: datetime) -> Any:
    field = FIELDS[rule.field]
    column: Any = field.sql()
    value = rule.value
    match rule.is_:
        case "is_known":
            return _is_known(column, field.type)
        case "is_unknown":
            return not_(_is_known(column, field.type))
        case "is":
            return _folded(column, field.type) == _fold(value)
        case "is_not":
            return _folded(column, field.type) != _fold(value)
        case "in":
            return _folded(column, field.type).in_([_fold(v) for v in value])
        case "not_in":
            return _folded(column, field.type).not_in([_fold(v) for v in value])
        case "contains":
            return _folded(column, field.type).contains(_fold(value), autoescape=True)
        case "starts_with":
            return _folded(column, field.type).startswith(_fold(value), autoescape=True)
        case "at_least":
            return column >= value
        case "at_most":
            return column <= value
        case "more_than":
            return column > value
        case "less_than":
            return column < value
        case "in_last_days":
            return and_(column > now - timedelta(days=value), column <= now)
        case "not_in_last_days":
            return or_(column <= now - timedelta(days=value), column > now)
        case "before":
            return column < datetime.fromisoformat(value).astimezone(UTC)
        case "after":
            return column > datetime.fromisoformat(value).astimezone(UTC)
        case "has":
            return json_has(column, value)
        case "has_not":
            return not_(json_has(column, value))
    raise RuleBroken(f"{rule.is_} is not an operator")  # pragma: no cover  language.read() has refused it


def _is_known(column: Any, kind: str) -> ColumnElement[bool]:
    return and_(column.is_not(None), cast(column, String) != "") if kind == "text" else column.is_not(None)


def _folded(column: Any, kind: str) -> Any:
    return func.lower(column) if kind == "text" else column


def _fold(value: Any) -> Any:
    # Only A to Z: SQLite's lower() knows no others, and both databases must agree.
    return "".join(c.lower() if c.isascii() else c for c in value) if isinstance(value, str) else value
