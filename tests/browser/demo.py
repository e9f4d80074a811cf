"""A demo shop that is being served in this process, for tests and for the README's pictures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from waitress.server import create_server

from automation.app import App, build
from automation.demo import shop
from automation.demo.play import Play
from automation.models import Record
from automation.settings import Settings
from tests.pages import open_pages
from webapp import assets


@dataclass
class Demo:
    """A demo shop that is being served; its worker goes when it is told to."""

    app: App
    play: Play
    url: str


@contextmanager
def served(folder: Path, *, customers: int | None = None) -> Iterator[Demo]:
    """Load the demo shop into `folder`, or only so many of its customers, and serve it on a free port."""
    assets.build()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = build(Settings(data=folder, port=port, demo=True, secret_key="a key for tests only, long enough"))
    Record.metadata.create_all(app.db.engine)
    shop.load(app, app.clock(), lambda _done, _words: None, customers=customers)
    flask = open_pages(app)
    server = create_server(flask, sockets=[listener], threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    play = Play(app, threading.Event())
    yield Demo(app, play, f"http://127.0.0.1:{port}")
    play.close()
    server.close()
    server.task_dispatcher.shutdown(timeout=2)
    thread.join(timeout=5)
    for name in ("cartwheel.reception", "cartwheel.writer"):
        flask.extensions[name].close()
    app.close()
