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
from automation.errors import BadSignature, Unknown, Unreadable
from automation.group_commit import GroupCommit
from automation.models import Connection
from automation.source import Envelope, Request, Source

_ID = re.compile(r"[a-z0-9]{1,32}")
_LONGEST = 128
"""Of a delivery's id and of a topic, as they are stored."""


class _Changed(Exception):
    """The connection's settings are no longer those that the request was verified with."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """An adapter, and the row that it was built from."""

    connection_id: int
    secrets: bytes
    source: Source


class Reception:
    """Takes in the webhooks of all connections.

    Adapters stay built. Whether their settings are still the connection's is asked in the transaction that keeps
    the webhook, where it costs nothing, and before a signature is called bad.
    """

    def __init__(self, app: App, writer: GroupCommit) -> None:
        self._app = app
        self._writer = writer
        self._opened: dict[str, _Opened] = {}
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()

    def receive(self, public_id: str, request: Request, now: datetime, patience: float) -> bool:
        """Verify a webhook and keep it. Returns when that is durable: whether it is new.

        Raises Unknown for a connection that does not exist, BadSignature and Unreadable as the adapter says, and
        TimeoutError when it was not written in `patience` seconds; then it may be written later, or never.
        """
        opened = self._opened.get(public_id)
        if opened is not None:
            try:
                return self._keep(opened, request, now).result(patience)
            except (BadSignature, _Changed):
                pass
        opened = self._open(public_id)
        try:
            return self._keep(opened, request, now).result(patience)
        except _Changed as error:  # twice within milliseconds
            raise TimeoutError from error

    def _keep(self, opened: _Opened, request: Request, now: datetime) -> Future[bool]:
        envelope = opened.source.open(request, now)
        _check(envelope)
        is_known = envelope.topic in opened.source.topics

        def keep(session: Session) -> bool:
            connection = session.get(Connection, opened.connection_id)
            if connection is None or connection.secrets != opened.secrets:
                raise _Changed
            return intake.store(session, connection, envelope, now, is_known=is_known)

        return self._writer.submit(keep)

    def _open(self, public_id: str) -> _Opened:
        if not _ID.fullmatch(public_id):
            raise Unknown("There is no such connection.")
        with self._app.db.read() as session:
            row = session.scalar(select(Connection).where(Connection.public_id == public_id))
            session.expunge_all()
        if row is None:
            self._opened.pop(public_id, None)
            raise Unknown("There is no such connection.")
        with self._lock:
            if self._http is None:
                self._http = self._app.http()
            known = self._opened.get(public_id)
            if known is None or known.secrets != row.secrets:
                known = _Opened(row.id, row.secrets, source_of(self._app, row, self._http))
                self._opened[public_id] = known
            return known

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
