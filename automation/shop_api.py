"""A shop's REST or GraphQL API: one table of what its answers mean, and lists that are walked page by page.

Redirects are not followed: a shop that has moved is entered again by a person, not by whoever answers for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson

from automation.changes import Change
from automation.errors import Later, Misconfigured, SendError, Unreadable, Unsure
from automation.http_answers import LONGEST_WAIT, Answer, ask, verdict
from automation.payload import Part
from automation.platform import News, Page, Reader, translated

Words = Callable[[Mapping[str, Any]], str]
"""What an error's JSON object says, in the shop's own words."""


@dataclass(frozen=True, slots=True)
class ShopApi:
    """The API under one address, with the headers that prove who asks."""

    http: httpx.Client
    root: str
    headers: Mapping[str, str]
    label: str = "The shop"
    words: Words = lambda said: str(said.get("message") or said.get("title") or said.get("error") or "")

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """A successful answer. Raises Misconfigured or Later."""
        answer = self._ask("GET", path, params=params)
        error = self.failed(answer)
        if error is None:
            return answer
        if isinstance(error, Misconfigured | Later):
            raise error
        # A look-up that is refused or breaks is asked again: nothing was changed by it.
        raise Later(str(error), code=error.code)

    def find(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """What a look-up finds, as JSON; None for what is gone. Raises Misconfigured or Later."""
        answer = self._ask("GET", path, params=params)
        if answer.status in {404, 410, 204}:
            return None
        error = self.failed(answer)
        if isinstance(error, Misconfigured | Later):
            raise error
        if error is not None:
            raise Later(str(error), code=error.code)
        return self.json(answer)

    def send(self, method: str, path: str, body: Any, params: Mapping[str, str] | None = None) -> Answer:
        """Ask for a change: the answer, whatever its status. Raises Later, Misconfigured or Unsure without one."""
        return self._ask(method, path, params=params, content=orjson.dumps(body))

    def changed(self, method: str, path: str, body: Any, params: Mapping[str, str] | None = None) -> Any:
        """Ask for a change: what a success answers, as JSON. Raises a SendError otherwise."""
        answer = self.send(method, path, body, params)
        error = self.failed(answer)
        if error is not None:
            raise error
        return answer.json() if answer.body.strip() else None

    def json(self, answer: Answer) -> Any:
        """The body of a look-up. Raises Later when it is no JSON: some page of the shop's answered instead."""
        try:
            return answer.json()
        except Unsure as error:
            raise Later(f"{self.label} answered with something else than JSON. {error}") from error

    def failed(self, answer: Answer) -> SendError | None:
        """What an answer means; None for a success."""
        said = self.words(answer.error()) if not answer.is_success else ""
        error = verdict(answer, said[:300])
        if isinstance(error, Misconfigured) and 300 <= answer.status < 400:
            where = answer.headers.get("location", "")[:200]
            return Misconfigured(f"{self.label} is not at this address; it points to {where or 'somewhere else'}.")
        if isinstance(error, Later) and error.after is None:
            error.after = _reset(answer)
        return error

    def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        headers = {
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if content is not None else {}),
            **self.headers,
        }
        return ask(self.http, method, self.root + path, headers=headers, content=content, params=params)


def _reset(answer: Answer) -> timedelta | None:
    """How long until the shop's window of requests begins anew, where it tells that in milliseconds."""
    text = answer.headers.get("x-rate-limit-time-reset-ms", "")
    return min(timedelta(milliseconds=int(text)), LONGEST_WAIT) if re.fullmatch(r"\d{1,9}", text) else None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of one list."""

    items: Sequence[Any]
    read: Callable[[Any], list[Change]]
    next: str | None = None
    """The cursor within the list; None at its end."""
    done: float = 1.0
    """How much of the list that was, 0 to 1."""


Turn = Callable[[datetime | None, str | None], Leaf]
"""Takes (since, cursor within the list)."""


def walk(lists: Mapping[str, Turn], since: datetime | None, cursor: str | None) -> Page:
    """The next page of several lists, one after the other. A cursor is "name:cursor within the list"."""
    names = list(lists)
    name, _, inner = (cursor or f"{names[0]}:").partition(":")
    if name not in lists:  # a list that a newer version no longer has
        name, inner = names[0], ""
    leaf = lists[name](since, inner or None)
    changes, refused = read_all(leaf.items, leaf.read)
    at = names.index(name)
    following = f"{name}:{leaf.next}" if leaf.next else f"{names[at + 1]}:" if at + 1 < len(names) else None
    done = (at + (min(max(leaf.done, 0.0), 1.0) if leaf.next else 1.0)) / len(names)
    return Page(changes, following, done, refused)


def read_all(items: Iterable[Any], read: Callable[[Any], list[Change]]) -> tuple[list[Change], list[str]]:
    """What all of these say, and why some could not be read."""
    changes: list[Change] = []
    refused: list[str] = []
    for item in items:
        try:
            changes += read(item)
        except Unreadable as error:
            named = item.get("id") if isinstance(item, dict) else None
            refused.append(f"{named}: {error}" if isinstance(named, str | int) else str(error))
    return changes, refused


def counted(size: int, page: int, total: int | None) -> float:
    """How much of a list of `total` items has been read with this page (from 1) of `size`."""
    return page * size / total if total else 1.0


def as_list(value: Any, where: str) -> list[Any]:
    """A list out of an answer. Raises Later when it is none."""
    if not isinstance(value, list):
        raise Later(f"{where} should be a list.")
    return value


def object_reader(settings: Any, read: Reader) -> Callable[[Any], list[Change]]:
    """Reads an object out of a list as a webhook's body is read."""
    return lambda item: translated({"": read}, "", News(Part.whole(item), settings))


@dataclass(frozen=True, slots=True)
class Created:
    """The shop knows this code now, and from us."""

    external_id: str = ""


class CodeTaken(SendError):
    """The shop has this code already, and not from us."""


CodeOutcome = Created | SendError


def made(codes: Sequence[str], size: int, make: Callable[[Sequence[str]], list[CodeOutcome]]) -> list[str]:
    """Make codes so many at a time: those that are there. What the shop did not take may be asked for again.

    Raises what `make` raised, or the first code's error, where no code is there.
    """
    there: list[str] = []
    first: SendError | None = None
    for start in range(0, len(codes), size):
        part = codes[start : start + size]
        try:
            outcomes = make(part)
        except SendError as error:
            first = first or error
            if isinstance(error, Later | Misconfigured | Unsure):
                break
            continue
        for code, one in zip(part, outcomes, strict=True):
            if isinstance(one, Created):
                there.append(code)
            elif first is None and not isinstance(one, CodeTaken):
                first = one
    if first is not None and not there:
        raise first
    return there
