"""Shops that are asked in GraphQL: one request for everything, errors within a 200, and connections walked by cursor.

A cursor within a list is "how many were read:the shop's cursor", so that progress survives a restart.
https://spec.graphql.org/October2021/#sec-Errors · https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.changes import Change
from automation.errors import Later, Refused, SendError, Unsure
from automation.shop_api import Leaf, ShopApi, as_list

Problem = Mapping[str, Any]
"""One entry of an answer's `errors`."""
Judge = Callable[[Problem, Mapping[str, Any]], SendError | None]
"""What a problem means, given the answer's `extensions`; None leaves it to the rule for all: Refused."""


@dataclass(frozen=True, slots=True)
class GraphApi:
    """A shop's GraphQL endpoint."""

    api: ShopApi
    judge: Judge
    path: str = ""

    def find(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a query finds. Raises Later, Misconfigured, or Refused for a query that the shop does not know."""
        try:
            return self._ask(document, variables)
        except Unsure as error:  # nothing was changed by asking
            raise Later(str(error), code=error.code) from error

    def change(self, name: str, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the mutation `name` answers. Raises a SendError."""
        found = self._ask(document, variables).get(name)
        if not isinstance(found, dict):
            raise Unsure(f"{self.api.label} did not say what became of {name}.")
        return found

    def _ask(self, document: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        said = self.api.changed("POST", self.path, {"query": document, "variables": dict(variables or {})})
        if not isinstance(said, dict):
            raise Unsure(f"{self.api.label} answered with something else than an object.")
        problems = said.get("errors")
        if problems:
            raise self._meaning(problems, said.get("extensions"))
        data = said.get("data")
        if not isinstance(data, dict):
            raise Unsure(f"{self.api.label} answered without data.")
        return data

    def _meaning(self, problems: Any, extensions: Any) -> SendError:
        more = extensions if isinstance(extensions, dict) else {}
        first = ""
        for problem in problems if isinstance(problems, list) else [problems]:
            if not isinstance(problem, dict):
                first = first or str(problem)
                continue
            judged = self.judge(problem, more)
            if judged is not None:
                return judged
            first = first or str(problem.get("message") or "")
        return Refused(f"{self.api.label}: {first or 'it did not say why'}"[:500])


def leaf(found: Any, read: Callable[[Any], list[Change]], cursor: str | None, total: Any = None) -> Leaf:
    """A page of a connection, with `nodes` or `edges`. Raises Later when it is none."""
    items = nodes_of(found)
    connection: dict[str, Any] = found
    read_before, _ = place(cursor)
    seen = read_before + len(items)
    page = connection.get("pageInfo")
    following = page.get("endCursor") if isinstance(page, dict) and page.get("hasNextPage") is True else None
    count = total if total is not None else connection.get("totalCount")
    done = seen / count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0.5
    return Leaf(items, read, f"{seen}:{following}" if isinstance(following, str) and following else None, done)


def nodes_of(connection: Any) -> Sequence[Any]:
    """The objects of a connection. Raises Later when it is none."""
    if not isinstance(connection, dict):
        raise Later("A connection is missing from the answer.")
    if "edges" in connection:
        edges = as_list(connection["edges"], "edges")
        return [edge.get("node") if isinstance(edge, dict) else None for edge in edges]
    return as_list(connection.get("nodes"), "nodes")


def place(cursor: str | None) -> tuple[int, str | None]:
    """How many were read before this cursor, and the shop's own."""
    seen, _, theirs = (cursor or "0:").partition(":")
    return (int(seen) if seen.isdecimal() else 0), theirs or None
