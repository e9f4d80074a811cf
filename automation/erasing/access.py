"""Everything that is held of one person, for them to have: one JSON file a table, in a ZIP."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.erasing.bodies import naming
from automation.erasing.erase import identities, whose
from automation.erasing.personal import HELD
from automation.models import Customer, Record

_INSIDE = frozenset({"claimed_by", "lease_until", "fence", "kills", "is_unsettled", "is_stale", "person"})
"""Columns that only say how our own work stands."""
_README = """Everything that {store} holds of you, as of {at}.

Each file is one kind of record, as JSON. Amounts are in the smallest unit of their currency (1999 EUR is 19.99),
times are in UTC. webhooks.json is what shops and mail services told the store that names you, as they wrote it.
"""


def held(session: Session, customer: Customer) -> dict[str, list[dict[str, Any]]]:
    """{table: rows} of everything that is held of a customer; tables without any are left out."""
    person = whose(session, customer)
    found: dict[str, list[dict[str, Any]]] = {}
    for table in Record.metadata.sorted_tables:
        entry = HELD.get(table.name)
        if entry is None or table.name == "inbound_webhooks":
            continue
        rows = session.execute(select(table).where(entry.where(table, person))).mappings()
        plain = [{name: value for name, value in row.items() if name not in _INSIDE} for row in rows]
        if plain:
            found[table.name] = plain
    addresses = {*person.addresses, *filter(None, [customer.email])}
    told = naming(session, customer.store_id, addresses, identities(session, person))
    bodies = [{"id": webhook_id, "body": body.decode("utf-8", "replace")} for webhook_id, body in told]
    return {**found, "webhooks": bodies} if bodies else found


def access(session: Session, customer: Customer, store_name: str, now: datetime) -> bytes:
    """A ZIP of everything that is held of a customer."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(store=store_name, at=f"{now:%Y-%m-%d %H:%M} UTC"))
        for name, rows in held(session, customer).items():
            archive.writestr(f"{name}.json", orjson.dumps(rows, default=_plain, option=orjson.OPT_INDENT_2))
    return packed.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
