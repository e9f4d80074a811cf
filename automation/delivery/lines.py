"""One HTTP client for each sender thread, kept over calls: a TLS handshake per batch would cost more than the batch."""

from __future__ import annotations

import os
import threading

import httpx

from automation.app import App


class _Own(threading.local):
    client: httpx.Client | None = None
    owner: tuple[str, int] | None = None


_own = _Own()


def client(app: App) -> httpx.Client:
    """This thread's client. A fork of the process gets its own, since two must not write to one socket."""
    owner = (app.worker_id, os.getpid())
    if _own.client is None or _own.owner != owner:
        if _own.client is not None and _own.owner is not None and _own.owner[1] == owner[1]:
            _own.client.close()
        _own.client, _own.owner = app.http(), owner
    return _own.client
