"""How a provider's words become a MailEvent: instants, our ids, and a clear error for what cannot be read."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import Unreadable

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def told(**values: Any) -> MailEvent:
    """A MailEvent of what a provider said. Raises Unreadable naming the field that does not fit."""
    try:
        return MailEvent(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc'])) or 'The event'}: {first['msg']}.") from error


def instant(value: Any, where: str) -> datetime:
    """An ISO 8601 instant, in UTC; without a zone it is taken for UTC. Raises Unreadable naming `where` it stood."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
            return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise Unreadable(f"{where} should be an instant such as 2026-03-10T12:00:00Z, it is {str(value)[:60]!r}.")


def epoch(value: Any, where: str) -> datetime:
    """Seconds since 1970, as a number or as its digits, in UTC. Raises Unreadable naming `where` they stood."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise Unreadable(f"{where} should be seconds since 1970, it is {str(value)[:60]!r}.")


def our_id(value: Any) -> str | None:
    """Our public id if it can be one: what others put under the same name is nobody's."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def words(value: Any) -> str:
    """Text of a field that may be missing, a list of texts, or of another kind."""
    if isinstance(value, list):
        return " ".join(words(v) for v in value)
    return value if isinstance(value, str) else ""


def part(said: dict[str, Any], name: str) -> dict[str, Any]:
    """A nested object; empty when it is missing. Raises Unreadable when it is something else."""
    found = said.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable(f"{name} should be an object.")
    return found


def event_id(given: Any, said: Any) -> str:
    """What an event is told apart by: its own id, or a hash of what it says where it has none that fits."""
    if isinstance(given, str) and given.isprintable() and 0 < len(given) <= 160:
        return given
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
