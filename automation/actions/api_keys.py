"""Keys of the JSON API: made (and shown once), found again by what was shown, taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.app import App
from automation.connections import connect
from automation.errors import NotAllowed
from automation.models import ApiKey, Connection
from automation.platforms.api import COLLECTIONS
from automation.security import random_token, token_hash

SCOPES: tuple[str, ...] = (
    "customers:read",
    "recommendations:read",
    "reports:read",
    *(f"{collection}:write" for collection in COLLECTIONS),
)
"""Everything a key can be allowed."""

_MARK = "cw_"
"""What a key begins with, so that scanners for leaked secrets know one when they see it."""
_NOTICE = timedelta(minutes=1)
"""How exact `last_used_at` is: a busy key does not write with every request."""


def make(
    app: App,
    session: Session,
    *,
    store_id: int,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    admin_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for a store; its second half is the key itself, which is stored nowhere.

    The store's `api` connection is made with its first key. Raises NotAllowed for a scope that does not exist, for
    none at all and for a key without a name.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise NotAllowed(f"A key needs scopes out of {', '.join(SCOPES)}; not {', '.join(unknown) or 'none'}.")
    if not name.strip():
        raise NotAllowed("A key needs a name, to know it by when it must be taken back.")
    token = _MARK + random_token()
    row = ApiKey(
        store_id=store_id,
        connection_id=connection_of(app, session, store_id, now).id,
        name=name.strip()[:200],
        prefix=token[:9],
        key_hash=token_hash(token),
        scopes=wanted,
        created_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "api_key.made", row.id, now, name=row.name, scopes=wanted)
    return row, token


def revoke(session: Session, key_id: int, *, now: datetime, admin_id: int | None = None) -> ApiKey:
    """Take a key back, from the next request on. Twice is once. Raises NotAllowed for a key that does not exist."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotAllowed("There is no such key.")
    if row.revoked_at is None:
        row.revoked_at = now
        audit.note(session, admin_id, "api_key.revoked", row.id, now, name=row.name)
    return row


def find(session: Session, token: str) -> tuple[ApiKey, Connection] | None:
    """The key that was shown as `token`, and the connection it speaks for; None when revoked or never made."""
    if not token.startswith(_MARK):
        return None
    found = session.execute(
        select(ApiKey, Connection)
        .join(Connection, Connection.id == ApiKey.connection_id)
        .where(ApiKey.key_hash == token_hash(token), ApiKey.revoked_at.is_(None))
    ).one_or_none()
    return (found[0], found[1]) if found else None


def note_use(session: Session, key_id: int, now: datetime) -> None:
    """Remember that a key was used, to the minute."""
    row = session.get_one(ApiKey, key_id)
    if row.last_used_at is None or now - row.last_used_at >= _NOTICE:
        row.last_used_at = now


def connection_of(app: App, session: Session, store_id: int, now: datetime) -> Connection:
    """The store's `api` connection, which its forms and its storefront speak by, too; made at its first use."""
    found = session.scalar(
        select(Connection)
        .where(Connection.store_id == store_id, Connection.role == "platform", Connection.kind == "api")
        .order_by(Connection.id)
        .limit(1)
    )
    return found or connect(
        app, session, store_id=store_id, role="platform", kind="api", name="JSON API", settings={}, now=now
    )
