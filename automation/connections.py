"""From a connection's row to the adapter it stands for, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import orjson
from pydantic import SecretStr
from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed
from automation.models import Connection
from automation.platform import Platform
from automation.provider import Provider
from automation.security import random_id
from automation.source import Source, SourceSettings


def kinds(app: App, role: str) -> dict[str, type[Source]]:
    """The discovered kinds of a role: platform or provider."""
    return dict(app.platforms) if role == "platform" else dict(app.providers)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def seal(app: App, public_id: str, settings: SourceSettings) -> bytes:
    """A connection's settings as they are stored."""
    plain = {name: _plain(getattr(settings, name)) for name in type(settings).model_fields}
    return app.keyring.seal(orjson.dumps(plain, default=str), public_id)


def settings_of(app: App, row: Connection) -> SourceSettings:
    """A connection's settings, decrypted.

    Raises SetupError when the key does not fit, NotAllowed for an unknown kind.
    """
    kind = kinds(app, row.role).get(row.kind)
    if kind is None:
        raise NotAllowed(f"There is no {row.role} called {row.kind} here.")
    return kind.Settings.model_validate(orjson.loads(app.keyring.unseal(row.secrets, row.public_id)))


def source_of(app: App, row: Connection, http: httpx.Client) -> Source:
    """The adapter that a connection stands for."""
    return kinds(app, row.role)[row.kind](settings_of(app, row), http)


def platform_of(app: App, row: Connection, http: httpx.Client) -> Platform:
    """The same, known to be a platform."""
    found = source_of(app, row, http)
    if not isinstance(found, Platform):
        raise NotAllowed(f"The connection {row.name} is not a platform.")
    return found


def provider_of(app: App, row: Connection, http: httpx.Client) -> Provider:
    """The same, known to be a provider."""
    found = source_of(app, row, http)
    if not isinstance(found, Provider):
        raise NotAllowed(f"The connection {row.name} is not a provider.")
    return found


def connect(
    app: App,
    session: Session,
    *,
    store_id: int,
    role: str,
    kind: str,
    name: str,
    settings: dict[str, Any],
    now: datetime,
) -> Connection:
    """Store a connection with its settings sealed. A store's first provider becomes its default.

    Raises NotAllowed for an unknown kind, pydantic's ValidationError for settings that do not fit.
    """
    found = kinds(app, role).get(kind)
    if found is None:
        raise NotAllowed(f"There is no {role} called {kind} here.")
    valid = found.Settings.model_validate(settings)
    public_id = random_id()
    row = Connection(
        public_id=public_id,
        store_id=store_id,
        role=role,
        kind=kind,
        name=name,
        secrets=seal(app, public_id, valid),
        created_at=now,
    )
    if role == "provider":
        row.is_default = not session.query(Connection).filter_by(store_id=store_id, role=role, is_default=True).count()
    session.add(row)
    session.flush()
    return row
