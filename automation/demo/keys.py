"""The storefront's key to the JSON API: derived from the installation's secret, so that it is stored nowhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import ApiKey, Connection
from automation.security import token_hash


def storefront_key(app: App) -> str:
    """The key itself."""
    return f"cw_{app.keyring.derive('demo storefront').hex()}"


def allow_storefront(app: App, session: Session, store_id: int, now: datetime) -> None:
    """Let the storefront tell events, and nothing else."""
    connection = session.scalars(
        select(Connection).where(Connection.store_id == store_id, Connection.kind == "api")
    ).one()
    token = storefront_key(app)
    session.add(
        ApiKey(
            store_id=store_id,
            connection_id=connection.id,
            name="Storefront of the demo",
            prefix=token[:9],
            key_hash=token_hash(token),
            scopes=["events:write"],
            created_at=now,
        )
    )
