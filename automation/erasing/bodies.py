"""Finds a person in what shops and providers posted: verified webhooks are kept as they came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.models import Connection, InboundWebhook

_AT_ONCE = 200


def naming(
    session: Session, store_id: int, addresses: Iterable[str], ids: Iterable[tuple[int, str]]
) -> Iterator[tuple[int, bytes]]:
    """(id, body) of each webhook of a store that names one of the addresses, or an id at the shop that gave it.

    Every body is looked at, a few hundred at a time. A short number is everywhere, so an id counts only as a whole
    word; that blanks a body too many rather than one too few.
    """
    spellings = {form for address in addresses for form in _spellings(address)}
    by_address = re.compile("|".join(map(re.escape, sorted(spellings))).encode() or rb"(?!)", re.IGNORECASE)
    by_id: dict[int, list[str]] = {}
    for connection_id, external_id in ids:
        by_id.setdefault(connection_id, []).append(re.escape(external_id))
    words = {
        connection_id: re.compile(f"(?<![0-9A-Za-z])(?:{'|'.join(found)})(?![0-9A-Za-z])".encode())
        for connection_id, found in by_id.items()
    }
    after = 0
    while True:
        rows = session.execute(
            select(InboundWebhook.id, InboundWebhook.connection_id, InboundWebhook.body)
            .join(Connection, Connection.id == InboundWebhook.connection_id)
            .where(Connection.store_id == store_id, InboundWebhook.id > after)
            .order_by(InboundWebhook.id)
            .limit(_AT_ONCE)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        for row in rows:
            word = words.get(row.connection_id)
            if by_address.search(row.body) or (word is not None and word.search(row.body)):
                yield row.id, bytes(row.body)


def _spellings(address: str) -> Iterator[str]:
    """An address as it may stand in JSON and in a form."""
    yield address
    yield address.replace("@", "%40")
    yield address.replace("@", "\\u0040")
    yield address.replace("+", "\\u002b")
    yield orjson.dumps(address).decode()[1:-1]
    if not address.isascii():
        yield address.encode("ascii", "backslashreplace").decode()
