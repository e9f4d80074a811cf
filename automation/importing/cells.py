"""What a cell says: dates, amounts, lists and yes or no, as people and programs write them.

A formula's first letter is guarded by an apostrophe, as spreadsheet programs do it, and comes off again here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from automation.errors import Unreadable
from automation.money import exponent, minor_units
from automation.times import instant

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")
"""First letters that a spreadsheet program may take for a formula, and the guard itself."""
_YES = frozenset({"1", "y", "yes", "true", "t", "on", "subscribed", "granted", "opted in", "opt-in", "ja", "oui", "si"})
_NO = frozenset(
    {"0", "n", "no", "false", "f", "off", "unsubscribed", "withdrawn", "opted out", "opt-out", "nein", "non"}
    | {"never_subscribed", "not_subscribed", "not subscribed", "never subscribed", "cleaned"}
)
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T](.+))?")
_DAY = re.compile(r"(?:(\d{4})-|--)?(\d{1,2})-(\d{1,2})")
_POINTED = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
_COMMAED = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_AMBIGUOUS = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")


def guard(text: str) -> str:
    """The text as it may stand in a cell: what begins like a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def unguard(text: str) -> str:
    """The text without the apostrophe that `guard` set before it."""
    return text[1:] if text[:1] == "'" and text[1:2] in DANGEROUS else text


def yes_or_no(text: str) -> bool:
    """Raises Unreadable for what is neither."""
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable("neither yes nor no")


def moment(text: str, zone: ZoneInfo, dates: str) -> datetime:
    """An instant: ISO 8601, or a date with slashes in the order that `dates` names; without a zone in `zone`.

    Raises Unreadable for anything else.
    """
    text = text.strip()
    found = _SLASHED.fullmatch(text)
    if found:
        text = f"{_slashed(found, dates).isoformat()}{'T' + found[4] if found[4] else ''}"
    elif text.isdigit() and len(text) in (10, 13):
        return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable("no date; write 2026-03-10 or 2026-03-10T09:00+01:00") from error
    if not 1900 <= at.year <= 2200:
        raise Unreadable("the year is out of range")
    return at.astimezone(UTC) if at.tzinfo else instant(at.date(), at.time(), zone)


def _slashed(found: re.Match[str], dates: str) -> date:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if dates == "iso" and "." not in found[0]:
        raise Unreadable("does the day or the month come first? Say so in the options, or write 2026-03-10")
    day, month = (second, first) if dates == "month_first" else (first, second)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Unreadable("there is no such day") from error


def day(text: str, dates: str) -> tuple[int | None, int, int]:
    """A day that comes round each year, (year or None, month, day): 1990-04-23, 04-23, --04-23 or with slashes."""
    text = text.strip().removesuffix("T00:00:00")
    slashed, found = _SLASHED.fullmatch(text), _DAY.fullmatch(text)
    if slashed:
        on = _slashed(slashed, dates)
        return on.year, on.month, on.day
    if not found:
        raise Unreadable("no day; write 1990-04-23, or 04-23 without the year")
    year = int(found[1]) if found[1] else None
    try:
        date(year or 2000, int(found[2]), int(found[3]))
    except ValueError as error:
        raise Unreadable("there is no such day") from error
    return year, int(found[2]), int(found[3])


def amount(text: str, currency: str) -> int:
    """Minor units of 1299.00, 1,299.00 or 1.299,00. Raises Unreadable for what could be meant in two ways."""
    bare = re.sub(r"[\s\u00a0\u202f€$£¥]|[A-Z]{3}", "", text)
    is_plain = exponent(currency) == 3 and "." in bare  # a dinar has a thousand fils
    if _AMBIGUOUS.fullmatch(bare) and not is_plain:
        raise Unreadable("thousands or a fraction? Write 1299.00")
    if _POINTED.fullmatch(bare):
        return minor_units(bare.replace(",", ""), currency)
    if _COMMAED.fullmatch(bare):
        return minor_units(bare.replace(".", "").replace(",", "."), currency)
    raise Unreadable("no amount; write 1299.00")


def whole(text: str) -> int:
    """Raises Unreadable for what is no whole number."""
    try:
        return int(text.strip().removesuffix(".0"))
    except ValueError as error:
        raise Unreadable("no whole number") from error


def words(text: str) -> list[str]:
    """A list: a JSON array, or what commas or semicolons part."""
    if text.lstrip().startswith("["):
        found = json_of(text, list)
        return [str(one)[:200] for one in found]
    return [word.strip()[:200] for word in re.split(r"[,;]", text) if word.strip()]


def written_words(found: list[str]) -> str:
    """A list as `words` reads it back."""
    is_plain = all(w and w == w.strip() and not re.search(r"[,;]", w) and not w.startswith("[") for w in found)
    return ", ".join(found) if is_plain else orjson.dumps(found).decode()


def json_of(text: str, wanted: type[Any]) -> Any:
    """A JSON value of a type. Raises Unreadable for another one."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Unreadable("this is not JSON") from error
    if not isinstance(found, wanted):
        raise Unreadable(f"this is no JSON {'object' if wanted is dict else 'array'}")
    return found
