"""The filters and tests that templates may use, and nothing else."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from jinja2 import filters, tests
from markupsafe import Markup

from automation.feeds.cleaning import clean
from automation.rendering.links import sign_target

_FROM_JINJA = (
    "abs",
    "batch",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
)
_TESTS = (
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
    "==",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
)
MAX_RANGE = 1000


@lru_cache(maxsize=200)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")


@lru_cache(maxsize=20_000)
def _money(minor: int, currency: str, locale: str) -> str:
    major = minor / 10 ** get_currency_precision(currency)
    return format_currency(major, currency, locale=_locale(locale)).replace("\xa0", "\u202f")


def money(minor: Any, currency: str = "EUR", locale: str = "en") -> str:
    """An amount of minor units: {{ item.price|money(cart.currency, store.locale) }} → €12.95."""
    if isinstance(minor, bool) or not isinstance(minor, int | float | str) or minor == "":
        return ""
    return _money(int(minor), str(currency or "EUR")[:3], str(locale or "en"))


@lru_cache(maxsize=5_000)
def _date(value: str, style: str, locale: str) -> str:
    day: date = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value[:10])
    return format_date(day, format=style, locale=_locale(locale))


def nice_date(value: Any, style: str = "long", locale: str = "en") -> str:
    """An ISO date or instant in words: {{ today|date("long", store.locale) }} → March 10, 2026."""
    return _date(str(value), str(style)[:40], str(locale or "en")) if value else ""


def number(value: Any, locale: str = "en") -> str:
    """A number with the locale's separators."""
    return format_decimal(value, locale=_locale(str(locale)))


def percent(value: Any, locale: str = "en") -> str:
    """0.15 → 15%."""
    return format_percent(value, locale=_locale(str(locale)))


@lru_cache(maxsize=1_000)
def clean_html(value: Any) -> Markup:
    """HTML of strangers, without what does not belong into a mail: {{ item.html|clean_html }}."""
    return Markup(clean(str(value or "")))  # noqa: S704  it was cleaned


def tracker(key: bytes) -> Callable[[Any, Any, int], Any]:
    """The filter behind every link whose target is computed; `key` signs the targets."""

    @lru_cache(maxsize=20_000)
    def query(url: str) -> str | None:
        url = url.strip()
        if url.lower().startswith(("https://", "http://")):
            return f"?u={quote(url, safe='')}&s={sign_target(key, url)}"
        return None

    def tracked(target: Any, click: Any, number: int) -> Any:
        is_markup = isinstance(target, Markup)
        url = html.unescape(str(target)) if is_markup else str(target)
        found = query(url)
        if found is not None:
            address = f"{click}{number}{found}"
        else:
            address = url if url.lower().startswith(("mailto:", "tel:", "sms:")) else "#"
        return Markup.escape(address) if is_markup else address

    return tracked


def short_range(*limits: int) -> range:
    """A range of at most a thousand numbers. Raises ValueError for a longer one."""
    found = range(*limits)
    if len(found) > MAX_RANGE:
        raise ValueError(f"range() may have at most {MAX_RANGE} numbers")
    return found


def allowed_filters(key: bytes) -> dict[str, Callable[..., Any]]:
    """Every filter, by name."""
    return {
        **{name: cast("Callable[..., Any]", filters.FILTERS[name]) for name in _FROM_JINJA},
        "money": money,
        "date": nice_date,
        "number": number,
        "percent": percent,
        "clean_html": clean_html,
        "tracked": tracker(key),
    }


def allowed_tests() -> dict[str, Callable[..., Any]]:
    """Every test, by name."""
    return {name: cast("Callable[..., Any]", tests.TESTS[name]) for name in _TESTS}
