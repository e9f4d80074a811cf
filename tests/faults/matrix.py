"""Runs the matrix: every fault and batch size as a store of its own, delivered, mended, and delivered again."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from automation.app import App, build, client
from automation.clock import TurnableClock
from automation.connections import seal, settings_of
from automation.delivery import lines
from automation.models import Connection, Message
from automation.providers.smtp.talk import hang_up
from automation.settings import Settings
from automation.stages.deliver import deliver
from tests import certificates, make
from tests.conftest import NOW
from tests.contracts.provider_worlds import WORLDS
from tests.fakes import PlainRenderer
from tests.faults import smtp_acts
from tests.faults.catalogue import Fault, faults_of
from tests.faults.server import FaultServer, slug
from tests.mail_server import MailServer

NAMES = ("Ada", "Bob", "Cid")
MODES = {"single": 1, "batch": 3}
PATIENT, HASTY = 10.0, 0.12
"""Seconds of every time-out: for faults that answer, and for those that never do."""
SOON, LATER = timedelta(minutes=6), timedelta(hours=2)
"""After the settle delay, while every key is still remembered; and after the longest wait."""
LANES = 8


@dataclass
class Cell:
    """One provider under one fault, and what was seen."""

    kind: str
    name: str
    mode: str
    fault: Fault
    store_id: int = 0
    mail_server: MailServer | None = None
    first: list[tuple[str, str]] = field(default_factory=list)
    """State and reason of each message after the fault …"""
    waits: list[timedelta] = field(default_factory=list)
    connection: tuple[str, timedelta | None] = ("", None)
    """State, and how long it rests."""
    last: list[str] = field(default_factory=list)
    """… and the state after the other end was mended."""
    taken: list[int] = field(default_factory=list)
    """How often the provider took each mail."""

    @property
    def path(self) -> str:
        """Where the HTTP server finds out what to do."""
        return f"{self.kind}.{slug(self.name)}.{self.mode}"


def run(kind: str, modes: Mapping[str, Sequence[str]], database: Path, folder: Path) -> list[Cell]:
    """The cells of one provider: `modes` of each fault. `database` is an empty one to copy."""
    faults = faults_of(kind)
    cells = [Cell(kind, name, mode, faults[name]) for name, some in modes.items() for mode in some]
    for hangs in (False, True):
        some = [c for c in cells if c.fault.hangs is hangs]
        path = folder / f"hangs-{hangs}"
        path.mkdir()
        shutil.copy(database, path / "matrix.sqlite")
        with _app(path, HASTY if hangs else PATIENT) as app, ExitStack() as places:
            _Run(app, some, places, HASTY if hangs else PATIENT).whole()
    return cells


@contextmanager
def _app(folder: Path, patience: float) -> Iterator[App]:
    settings = Settings(
        data=folder,
        database_url=f"sqlite:///{folder / 'matrix.sqlite'}",
        secret_key="a key for tests only, long enough",
        base_url="https://mail.example.com",
    )
    http = partial(client, timeout=httpx.Timeout(patience), longest=patience * 3)
    app = build(settings, clock=TurnableClock(NOW), http=http)
    app.renderer.close()
    app = replace(app, renderer=PlainRenderer(0))
    try:
        yield app
    finally:
        app.close()


class _Run:
    def __init__(self, app: App, cells: list[Cell], places: ExitStack, patience: float) -> None:
        self.app, self.cells, self.patience = app, cells, patience
        _, context = certificates.made()
        self.server = places.enter_context(FaultServer(context))
        self.full = places.enter_context(_full_port())
        self.places = places

    def whole(self) -> None:
        with self.app.db.write() as session:
            for cell in self.cells:
                self._open(session, cell)
        self._deliver(timedelta())
        with self.app.db.read() as session:
            for cell in self.cells:
                self._look(session, cell)
        self._mend()
        self._deliver(SOON)
        self._deliver(LATER)
        self._deliver(LATER + timedelta(minutes=10))
        with self.app.db.read() as session:
            for cell in self.cells:
                messages = self._messages(session, cell)
                cell.last = [m.state for m in messages]
                cell.taken = [self._taken(cell, m.public_id) for m in messages]

    def _open(self, session: Any, cell: Cell) -> None:
        store = make.store(session)
        cell.store_id = store.id
        make.connection(self.app, session, store, "provider", cell.kind, **self._settings(cell, is_mended=False))
        people = [make.customer(session, store, name) for name in NAMES[: MODES[cell.mode]]]
        self.server.messages[cell.path] = [make.message(session, c, state="ready").public_id for c in people]

    def _settings(self, cell: Cell, *, is_mended: bool) -> dict[str, Any]:
        known = WORLDS[cell.kind].settings
        if cell.kind == "smtp":
            if cell.mail_server is None:
                cell.mail_server = self.places.enter_context(smtp_acts.server_of(cell.name))
            return {**known, **smtp_acts.settings_of(cell.name, cell.mail_server, self.patience, is_mended=is_mended)}
        places = {
            "name unknown": "https://nowhere.invalid",
            "connection refused": f"http://127.0.0.1:{smtp_acts.CLOSED}",
            "connection not answered": f"http://127.0.0.1:{self.full}",
            "no TLS where TLS should be": f"https://localhost:{self.server.port}",
            "certificate of nobody": f"https://localhost:{self.server.tls_port}",
        }
        place = places[cell.name] if cell.fault.is_place and not is_mended else f"http://127.0.0.1:{self.server.port}"
        return {**known, "base_url": f"{place}/{cell.path}"}

    def _deliver(self, after: timedelta) -> None:
        is_slow = self.patience == HASTY and not after

        def work(_: int) -> None:
            # A call ends after a while, whoever has not been served yet.
            while deliver(self.app, NOW + after, 10_000):
                pass
            hang_up()
            lines.client(self.app).close()
            lines._own.client = None

        if not is_slow:
            work(0)
            return
        with ThreadPoolExecutor(LANES) as threads:
            list(threads.map(work, range(LANES)))

    def _messages(self, session: Any, cell: Cell) -> list[Message]:
        return list(session.scalars(select(Message).where(Message.store_id == cell.store_id).order_by(Message.id)))

    def _look(self, session: Any, cell: Cell) -> None:
        messages = self._messages(session, cell)
        cell.first = [(m.state, m.reason) for m in messages]
        cell.waits = [m.due_at - NOW for m in messages]
        connection = session.scalars(select(Connection).where(Connection.store_id == cell.store_id)).one()
        rests = connection.not_before - NOW if connection.not_before else None
        cell.connection = (connection.state, rests)

    def _mend(self) -> None:
        self.server.is_mended = True
        with self.app.db.write() as session:
            for cell in self.cells:
                if cell.mail_server is not None:
                    cell.mail_server.acts.clear()
                    cell.mail_server.per_recipient.clear()
                if cell.fault.is_place:
                    row = session.scalars(select(Connection).where(Connection.store_id == cell.store_id)).one()
                    kind = type(settings_of(self.app, row))
                    row.secrets = seal(
                        self.app, row.public_id, kind.model_validate(self._settings(cell, is_mended=True))
                    )

    def _taken(self, cell: Cell, public_id: str) -> int:
        if cell.mail_server is None:
            return self.server.taken[public_id]
        mark = f"Message-ID: <{public_id}@".encode()
        return sum(mark in m.content for m in cell.mail_server.arrived)


@contextmanager
def _full_port() -> Iterator[int]:
    """A port whose queue is full: whoever connects hears nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        with ExitStack() as guests:
            for _ in range(3):
                guest = guests.enter_context(socket.socket())
                guest.setblocking(False)
                guest.connect_ex(("127.0.0.1", port))
            yield port
