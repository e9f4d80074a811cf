"""Where webhooks arrive: find the connection, let its adapter verify the request, keep it for the listen stage.

A paused or broken connection is still listened to: bounces come in after a provider was paused, and a shop that
removed us sends its requests for erasure two days later. What cannot be told again is kept.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
from sqlalchemy import bindparam, select
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


_SECRETS = select(Connection.id, Connection.secrets).where(Connection.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class _Opened:
    """An adapter, and the row that it was built from."""

    connection_id: int
    secrets: bytes
    source: Source


@dataclass(frozen=True, slots=True)
class _Verified:
    """A webhook that its adapter opened."""

    opened: _Opened
    envelope: Envelope
    now: datetime


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
                is_new = self._keep(opened, request, now, patience)
            except BadSignature:
                is_new = None
            if is_new is not None:
                return is_new
        is_new = self._keep(self._open(public_id), request, now, patience)
        if is_new is None:  # its settings changed twice within milliseconds
            raise TimeoutError
        return is_new

    def challenge(self, public_id: str, request: Request) -> str | None:
        """What a connection answers to a GET; None where nobody asks. Raises Unknown for none."""
        return self._open(public_id).source.challenge(request)

    def _keep(self, opened: _Opened, request: Request, now: datetime, patience: float) -> bool | None:
        envelope = opened.source.open(request, now)
        _check(envelope)
        return self._writer.gather(_keep_all, _Verified(opened, envelope, now)).result(patience)

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


def _keep_all(session: Session, arrived: Sequence[_Verified]) -> list[bool | None]:
    """Whether each is new; None for one whose connection has other settings than those it was verified with."""
    ids = sorted({v.opened.connection_id for v in arrived})
    secrets = {row.id: row.secrets for row in session.execute(_SECRETS, {"ids": ids})}
    found: list[bool | None] = [None] * len(arrived)
    known: list[int] = []
    for position, verified in enumerate(arrived):
        connection_id = verified.opened.connection_id
        if secrets.get(connection_id) != verified.opened.secrets:
            continue
        if verified.envelope.topic in verified.opened.source.topics:
            known.append(position)
        else:
            connection = session.get_one(Connection, connection_id)
            found[position] = intake.store(session, connection, verified.envelope, verified.now, is_known=False)
    deliveries = [(arrived[p].opened.connection_id, arrived[p].envelope, arrived[p].now) for p in known]
    for position, is_new in zip(known, intake.store_all(session, deliveries), strict=True):
        found[position] = is_new
    return found
