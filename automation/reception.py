"""Where webhooks arrive: find the connection, let its adapter verify the request, keep it for the listen stage.

A paused or broken connection is still listened to: bounces come in after a provider was paused, and a shop that
removed us sends its requests for erasure two days later. What cannot be told again is kept.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import intake
from automation.app import App
from automation.connections import source_of
from automation.errors import Unknown, Unreadable
from automation.group_commit import GroupCommit
from automation.models import Connection
from automation.source import Envelope, Request, Source

_ID = re.compile(r"[a-z0-9]{1,32}")
_LONGEST = 128
"""Of a delivery's id and of a topic, as they are stored."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """An adapter, and the settings that it was built with."""

    secrets: bytes
    source: Source


class Reception:
    """Takes in the webhooks of all connections; adapters stay built for as long as their settings stay the same."""

    def __init__(self, app: App, writer: GroupCommit) -> None:
        self._app = app
        self._writer = writer
        self._opened: dict[int, _Opened] = {}
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()

    def receive(self, public_id: str, request: Request, now: datetime) -> Future[bool]:
        """Verify a webhook and keep it; the future says, once that is durable, whether it is new.

        Raises Unknown for a connection that does not exist, BadSignature and Unreadable as the adapter says.
        """
        row = self._connection(public_id)
        source = self._source(row)
        envelope = source.open(request, now)
        _check(envelope)
        is_known = envelope.topic in source.topics
        connection_id = row.id

        def keep(session: Session) -> bool:
            connection = session.get_one(Connection, connection_id)
            return intake.store(session, connection, envelope, now, is_known=is_known)

        return self._writer.submit(keep)

    def _connection(self, public_id: str) -> Connection:
        if not _ID.fullmatch(public_id):
            raise Unknown("There is no such connection.")
        with self._app.db.read() as session:
            row = session.scalar(select(Connection).where(Connection.public_id == public_id))
            session.expunge_all()
        if row is None:
            raise Unknown("There is no such connection.")
        return row

    def _source(self, row: Connection) -> Source:
        opened = self._opened.get(row.id)
        if opened is None or opened.secrets != row.secrets:
            with self._lock:
                if self._http is None:
                    self._http = self._app.http()
                opened = _Opened(row.secrets, source_of(self._app, row, self._http))
                self._opened[row.id] = opened
        return opened.source

    def close(self) -> None:
        """Close the adapters' client."""
        with self._lock:
            self._opened.clear()
            if self._http is not None:
                self._http.close()
                self._http = None


def _check(envelope: Envelope) -> None:
    """Headers are not signed: what a sender made of them must not fail later, where nobody can be told."""
    for name, value in (("delivery id", envelope.delivery_id), ("topic", envelope.topic)):
        if not value or len(value) > _LONGEST or not value.isprintable():
            raise Unreadable(f"The {name} is empty, longer than {_LONGEST} characters or not text.")
