"""A shop that answers GraphQL: tests say which words of a query lead to which data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import orjson

Answer = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]


def graph_shop(answers: Mapping[str, Answer], asked: list[tuple[str, dict[str, Any]]] | None = None) -> Any:
    """Answers the first of `answers` whose key stands in the query; (key, variables) go to `asked`."""

    def answer(request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content)
        for key, data in answers.items():
            if key in body["query"]:
                if asked is not None:
                    asked.append((key, body["variables"]))
                said = data(body["variables"]) if callable(data) else data
                return httpx.Response(200, json=said if "errors" in said else {"data": said})
        raise AssertionError(f"nobody answers: {body['query'][:200]}")

    return answer


def page(*nodes: Any, after: str | None = None, edges: bool = False) -> dict[str, Any]:
    """A connection with one page."""
    items: dict[str, Any] = {"edges": [{"node": n} for n in nodes]} if edges else {"nodes": list(nodes)}
    return {**items, "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}
