"""Reads what others send: a JSON object whose every field may be missing, null or of the wrong type.

A field that is missing or null is None. One that is there and cannot be what it should be raises Unreadable with
its path, such as "line_items[2].price".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

from automation.errors import Unreadable
from automation.money import minor_units


def instant(value: str) -> datetime:
    """An ISO 8601 instant with its offset, in UTC. Raises ValueError."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("no offset")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


class Part:
    """An object within a payload, and where it stands."""

    def __init__(self, data: Mapping[str, Any], path: str = "") -> None:
        self.data = data
        self.path = path

    @classmethod
    def whole(cls, data: Any) -> Part:
        """The payload itself. Raises Unreadable when it is not an object."""
        if not isinstance(data, dict):
            raise Unreadable(f"The body should be an object, it is {_type(data)}.")
        return cls(data)

    def where(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, wanted: str) -> Unreadable:
        """The error for a field that is not what it should be."""
        return Unreadable(f"{self.where(name)} should be {wanted}, it is {_type(self.data.get(name))}.")

    def missing(self, *names: str) -> Unreadable:
        """The error for a field without which the rest means nothing."""
        return Unreadable(f"{' or '.join(self.where(n) for n in names)} is missing.")

    def text(self, name: str, limit: int = 200) -> str | None:
        """A text without NUL, cut at `limit` characters; a number as its digits; empty is None."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(name, "text")
        return str(value).replace("\0", "").strip()[:limit] or None

    def id(self, name: str) -> str | None:
        """An id as text: a 64-bit number, a text, or the end of a gid:// address."""
        found = self.text(name, 512)
        if found is None:
            return None
        if isinstance(self.data[name], float):
            raise self.wrong(name, "an id")
        if found.startswith("gid://"):
            found = found.rpartition("/")[2].partition("?")[0]
        if not 0 < len(found) <= 128:
            raise self.wrong(name, "an id of at most 128 characters")
        return found

    def instant(self, name: str) -> datetime | None:
        """An ISO 8601 instant with its offset, in UTC."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.wrong(name, "an instant such as 2026-03-10T12:00:00+01:00")
        try:
            return instant(value)
        except ValueError as error:
            raise Unreadable(f"{self.where(name)} is not an instant with its offset: {value[:40]!r}.") from error

    def moment(self, name: str, zone: tzinfo = UTC) -> datetime | None:
        """An instant in UTC however it is written: ISO 8601, RFC 2822, or seconds since 1970.

        One without an offset is in `zone`. Zeros in place of a date ("0000-00-00 00:00:00", 0) mean none.
        """
        value = self.data.get(name)
        if value is None or value in ("", 0, "0") or (isinstance(value, str) and value.startswith("0000-00-00")):
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(name, "an instant")
        try:
            return _moment(value, zone)
        except (ValueError, OverflowError, OSError) as error:
            raise Unreadable(f"{self.where(name)} is not an instant: {str(value)[:40]!r}.") from error

    def amount(self, name: str, currency: str) -> int | None:
        """An amount in minor units of `currency`."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        try:
            return minor_units(value, currency)
        except Unreadable as error:
            raise Unreadable(f"{self.where(name)}: {error}") from error

    def count(self, name: str) -> int | None:
        """A whole number of at most 32 bits."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
            raise self.wrong(name, "a whole number")
        return value

    def quantity(self, name: str) -> int | None:
        """A number of pieces, also as text ("2.0000"); what is sold by weight counts as begun pieces."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        try:
            found = None if isinstance(value, bool | list | dict) else Decimal(str(value))
        except InvalidOperation:
            found = None
        if found is None or not found.is_finite() or abs(found) >= 2**31:
            raise self.wrong(name, "a quantity")
        return math.ceil(found)

    def yes(self, name: str) -> bool | None:
        """True or false, also as 1 and 0, or as text."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str | int) and str(value).lower() in _WORDS:
            return _WORDS[str(value).lower()]
        raise self.wrong(name, "yes or no")

    def url(self, name: str) -> str | None:
        """A web address of at most 2,000 characters; anything else is None."""
        found = self.text(name, 2001)
        return found if found and len(found) <= 2000 and found.startswith(("https://", "http://")) else None

    def country(self, name: str) -> str | None:
        """A country's two letters; anything else is None."""
        found = (self.text(name) or "").upper()
        return found if re.fullmatch(r"[A-Z]{2}", found) else None

    def currency(self, name: str, default: str) -> str:
        """A currency's three letters, whatever their case."""
        code = (self.text(name, 16) or default).upper()
        if not re.fullmatch(r"[A-Z]{3}", code):
            raise self.wrong(name, "a currency such as EUR")
        return code

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def part(self, name: str) -> Part | None:
        """An object. An empty list is none: PHP cannot tell the two apart."""
        value = self.data.get(name)
        if value is None or value == []:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return Part(value, self.where(name))

    def parts(self, name: str) -> list[Part] | None:
        """A list of objects."""
        value = self.data.get(name)
        if value is None:
            return None
        if value == {}:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        found = []
        for number, item in enumerate(value):
            if not isinstance(item, dict):
                raise Unreadable(f"{self.where(name)}[{number}] should be an object, it is {_type(item)}.")
            found.append(Part(item, f"{self.where(name)}[{number}]"))
        return found


def birthday(text: str | None) -> tuple[int | None, int | None, int | None]:
    """(month, day, year) of a date such as 1990-12-31; nothing for what is no date or only stands in place of one."""
    try:
        found = datetime.strptime((text or "")[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None, None, None
    if not 1900 <= found.year <= 2100 or (found.year, found.month, found.day) in {(1970, 1, 1), (1900, 1, 1)}:
        return None, None, None
    return found.month, found.day, found.year


_WORDS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def _moment(value: str | float, zone: tzinfo) -> datetime:
    if not isinstance(value, str):
        return datetime.fromtimestamp(value, UTC)
    text = value.strip()
    if re.fullmatch(r"\d{9,11}", text):
        return datetime.fromtimestamp(int(text), UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = parsedate_to_datetime(text)
    return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)


class _Text(HTMLParser):
    """What a reader sees of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def readable(html: str | None) -> str | None:
    """The words of a piece of HTML, at most 5,000 characters; None for what no parser can follow."""
    if html is None:
        return None
    parser = _Text()
    try:
        parser.feed(html)
        parser.close()
    except AssertionError:  # html.parser's answer to some broken declarations
        return None
    return " ".join(" ".join(parser.pieces).split())[:5000]


def _type(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
