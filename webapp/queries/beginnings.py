"""Columns that begin with a word, in a way that an index answers on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement as Element

LAST = "\U0010ffff"
"""Sorts behind whatever may follow a beginning."""


class _Begins(Element[bool]):
    inherit_cache = False

    def __init__(self, span: Any, liked: Any) -> None:
        self.span, self.liked = span, liked


def begins(column: Any, word: str) -> ColumnElement[bool]:
    """Whether `column`, which is in lower case, begins with `word`.

    PostgreSQL answers LIKE from an index with `text_pattern_ops`. SQLite compares bytes, so that a span of its usual
    index does; its LIKE uses none.
    """
    return _Begins(and_(column >= word, column < word + LAST), column.startswith(word, autoescape=True))


@compiles(_Begins)
def _as_span(element: _Begins, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.span.self_group(), **more)


@compiles(_Begins, "postgresql")
def _as_like(element: _Begins, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.liked.self_group(), **more)
