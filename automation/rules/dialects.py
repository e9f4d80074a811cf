"""The few functions that the two databases spell differently: folding letters, and reading JSON by its types.

Each answers NULL where there is nothing of the wanted type, never an error: properties hold whatever was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Float, String, literal, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from automation.models.record import Json


class folded(GenericFunction[str]):
    """A text with A to Z made small, and no other letter: SQLite knows no more, and both must agree."""

    type = String()
    inherit_cache = True


class unindexed(GenericFunction[str]):
    """A column, by whose index SQLite is not to look rows up: it would prefer "all openings" to "their mails"."""

    type = String()
    inherit_cache = True


class json_part(GenericFunction[Any]):
    """What stands at a path of a JSON document, as JSON."""

    inherit_cache = True


class json_kind(GenericFunction[str]):
    """The type of what stands at a path: "null" for null, NULL where there is nothing."""

    type = String()
    inherit_cache = True


class json_text(GenericFunction[str]):
    """The text at a path."""

    type = String()
    inherit_cache = True


class json_number(GenericFunction[float]):
    """The number at a path."""

    type = Float()
    inherit_cache = True


class json_boolean(GenericFunction[bool]):
    """The truth at a path."""

    type = Boolean()
    inherit_cache = True


class json_has(GenericFunction[bool]):
    """Whether the list at a path holds a text; NULL where there is no list. The text is the last argument."""

    type = Boolean()
    inherit_cache = True


class date_in(GenericFunction[str]):
    """The date that a text begins with, as YYYY-MM-DD."""

    type = String()
    inherit_cache = True


def at_path(column: Any, path: Sequence[str]) -> list[ColumnElement[Any]]:
    """The arguments of the functions above: the column, the path as SQLite reads it, and its keys."""
    return [column, literal("$" + "".join(f'."{key}"' for key in path)), *map(literal, path)]


def seen_json(column: Any, path: Sequence[str]) -> ColumnElement[Any]:
    """What stands at a path, for showing it."""
    return type_coerce(json_part(*at_path(column, path)), Json)


def _sqlite(element: Any, compiler: SQLCompiler, kw: dict[str, Any]) -> tuple[str, str]:
    column, path = list(element.clauses)[:2]
    return compiler.process(column, **kw), compiler.process(path, **kw)


def _postgresql(element: Any, compiler: SQLCompiler, kw: dict[str, Any], without: int = 0) -> str:
    # Key by key rather than by a path: a path would take digits for places in a list, and SQLite does not.
    column, _, *keys = list(element.clauses)[: -without or None]
    steps = (f" -> CAST({compiler.process(key, **kw)} AS TEXT)" for key in keys)
    return f"({compiler.process(column, **kw)}{''.join(steps)})"


@compiles(folded, "sqlite")
def _folded_sqlite(element: folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(folded, "postgresql")
def _folded_postgresql(element: folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **kw)}) COLLATE "C")'


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clauses, **kw)}"


@compiles(unindexed, "postgresql")
def _unindexed_postgresql(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(json_part, "sqlite")
def _part_sqlite(element: json_part, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    return f"({column} -> {path})"


@compiles(json_part, "postgresql")
def _part_postgresql(element: json_part, compiler: SQLCompiler, **kw: Any) -> str:
    return _postgresql(element, compiler, kw)


@compiles(json_kind, "sqlite")
def _kind_sqlite(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    return f"json_type({column}, {path})"


@compiles(json_kind, "postgresql")
def _kind_postgresql(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_typeof({_postgresql(element, compiler, kw)})"


@compiles(json_text, "sqlite")
def _text_sqlite(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    return f"CASE json_type({column}, {path}) WHEN 'text' THEN json_extract({column}, {path}) END"


@compiles(json_text, "postgresql")
def _text_postgresql(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    part = _postgresql(element, compiler, kw)
    return f"CASE jsonb_typeof({part}) WHEN 'string' THEN {part} #>> '{{}}' END"


@compiles(json_number, "sqlite")
def _number_sqlite(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    return f"CASE WHEN json_type({column}, {path}) IN ('integer', 'real') THEN json_extract({column}, {path}) END"


@compiles(json_number, "postgresql")
def _number_postgresql(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    part = _postgresql(element, compiler, kw)
    return f"CASE jsonb_typeof({part}) WHEN 'number' THEN CAST({part} #>> '{{}}' AS NUMERIC) END"


@compiles(json_boolean, "sqlite")
def _boolean_sqlite(element: json_boolean, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    return f"CASE json_type({column}, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"


@compiles(json_boolean, "postgresql")
def _boolean_postgresql(element: json_boolean, compiler: SQLCompiler, **kw: Any) -> str:
    part = _postgresql(element, compiler, kw)
    return f"CASE jsonb_typeof({part}) WHEN 'boolean' THEN CAST({part} #>> '{{}}' AS BOOLEAN) END"


@compiles(json_has, "sqlite")
def _has_sqlite(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _sqlite(element, compiler, kw)
    text = compiler.process(list(element.clauses)[-1], **kw)
    return (
        f"CASE json_type({column}, {path}) WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each({column}, {path}) AS part "
        f"WHERE part.type = 'text' AND part.value = {text}) END"
    )


@compiles(json_has, "postgresql")
def _has_postgresql(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    part = _postgresql(element, compiler, kw, without=1)
    text = compiler.process(list(element.clauses)[-1], **kw)
    return f"CASE jsonb_typeof({part}) WHEN 'array' THEN {part} @> jsonb_build_array(CAST({text} AS TEXT)) END"


@compiles(date_in, "sqlite")
def _date_sqlite(element: date_in, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    digits = "-".join("[0-9]" * count for count in (4, 2, 2))
    return f"CASE WHEN ({text}) GLOB '{digits}*' THEN substr({text}, 1, 10) END"


@compiles(date_in, "postgresql")
def _date_postgresql(element: date_in, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"CASE WHEN ({text}) ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}' THEN substr(({text}) COLLATE \"C\", 1, 10) END"
