"""How amounts, instants and states are written on pages."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta, get_month_names
from babel.numbers import UnknownCurrencyError, format_currency, format_decimal, get_currency_precision
from flask import Flask, g
from markupsafe import Markup

from automation.app import App
from webapp.navigation import shell

LOCALE = "en_GB"
TONES = {
    "green": ("live", "delivered", "active", "done", "granted", "go", "processed", "placed"),
    "blue": ("ready", "claimed", "submitting", "accepted", "running", "received", "stopping", "reading"),
    "yellow": ("paused", "retry", "deferred", "defer", "waiting", "pending", "unknown"),
    "red": ("bounced", "complained", "rejected", "broken", "failed", "parked", "suppressed"),
    "secondary": ("draft", "dropped", "drop", "finished", "exited", "archived", "ignored", "withdrawn", "cancelled"),
}
"""The colour of each state; one that is not listed is grey."""
MOVING = ("claimed", "submitting", "running", "stopping", "reading")
"""States that pass by themselves soon."""
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What stands in a User-Agent, and whose it is; each names those after it too."""
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
LABELS = {"accepted": "Sent", "granted": "Subscribed", "withdrawn": "Unsubscribed", "go": "Go", "retry": "Will retry"}
"""What a person calls a state, where it is not the word itself."""


def tone(state: str) -> str:
    """The colour of a state."""
    return next((name for name, states in TONES.items() if state in states), "secondary")


def label(state: str) -> str:
    """A state as a person says it."""
    return LABELS.get(state, state.replace("_", " ").capitalize())


def money(amount: int | None, currency: str) -> str:
    """An amount of minor units: 1999, EUR → €19.99. Nothing for None."""
    if amount is None:
        return ""
    digits = get_currency_precision(currency)
    try:
        return format_currency(amount / 10**digits, currency, locale=LOCALE)
    except (UnknownCurrencyError, UnknownLocaleError):
        return f"{amount / 10**digits} {currency}"


def browser(agent: str) -> str:
    """A browser as its owner knows it: "Firefox on Windows"; what tells neither stays as it is."""
    name = next((shown for token, shown in _BROWSERS if token in agent), "")
    system = next((shown for token, shown in _SYSTEMS if token in agent), "")
    return " on ".join(filter(None, (name, system))) or agent or "Unknown browser"


def number(value: float | None) -> str:
    """A number with its thousands apart."""
    return "" if value is None else str(format_decimal(value, locale=LOCALE))


def percent(part: float, whole: float) -> str:
    """A share, with one digit below ten per cent; a dash of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.1f}%" if share < 10 else f"{share:.0f}%"


def share(value: float | None) -> str:
    """A share of 0 to 1 as per cent; nothing for None."""
    return "" if value is None else percent(value, 1)


def calendar_day(on: date | None) -> str:
    """A date of the calendar, which no zone changes."""
    return "" if on is None else str(format_date(on, "d MMM y", locale=LOCALE))


def zone() -> tzinfo:
    """The zone that times are shown in: the admin's, or the store's."""
    admin, store = g.get("admin"), shell().store
    name = (admin.timezone if admin else None) or (store.timezone if store else None)
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def written(at: datetime | None, pattern: str = "d MMM y, HH:mm") -> str:
    """An instant in the reader's zone, as plain text."""
    return "" if at is None else str(format_datetime(at, pattern, tzinfo=zone(), locale=LOCALE))


def local_time(at: datetime | None, pattern: str = "d MMM y, HH:mm") -> Markup:
    """A <time> in the reader's zone, with zone and seconds on hover. A dash for None."""
    if at is None:
        return Markup('<span class="text-secondary">–</span>')
    full = format_datetime(at, "EEEE d MMMM y, HH:mm:ss zzz", tzinfo=zone(), locale=LOCALE)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), full, written(at, pattern))


def month_names(language: str) -> list[str]:
    """The names of the months, as they stand alone."""
    found = get_month_names("wide", context="stand-alone", locale=language)
    return [str(found[number]) for number in range(1, 13)]


def day(at: datetime, language: str) -> str:
    """A date in a reader's language, in the store's zone as far as it is known."""
    return str(format_date(at.astimezone(zone()), "long", locale=language))


def relative(at: datetime, now: datetime) -> str:
    """How long ago or ahead, in words."""
    span = at - now
    if abs(span.total_seconds()) < 10:
        return "just now"
    return str(format_timedelta(span, add_direction=True, locale=LOCALE, threshold=0.95))


def init_words(flask: Flask, app: App) -> None:
    """Give templates what writes money, numbers, shares, times and states."""

    def relative_time(at: datetime | None) -> Markup:
        if at is None:
            return Markup('<span class="text-secondary">–</span>')
        full = format_datetime(at, "EEEE d MMMM y, HH:mm:ss zzz", tzinfo=zone(), locale=LOCALE)
        words = relative(at, app.clock())
        return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), full, words)

    flask.jinja_env.globals.update(
        money=money,
        number=number,
        percent=percent,
        share=share,
        calendar_day=calendar_day,
        local_time=local_time,
        relative_time=relative_time,
        written=written,
        month_names=month_names,
        day=day,
        browser=browser,
        state_tone=tone,
        state_label=label,
        moving_states=MOVING,
    )
