"""One HTTP client for each sender thread, kept over calls: a TLS handshake per batch would cost more than the batch."""

from __future__ import annotations

import os
import threading

import httpx

from automation.app import App
from automation.delivery import rate_headers
from automation.delivery.rate_headers import Ear, Heard


class _Own(threading.local):
    client: httpx.Client | None = None
    owner: tuple[str, int] | None = None
    ear: Ear | None = None


_own = _Own()


def client(app: App) -> httpx.Client:
    """This thread's client. A fork of the process gets its own, since two must not write to one socket."""
    owner = (app.worker_id, os.getpid())
    if _own.client is None or _own.owner != owner:
        if _own.client is not None and _own.owner is not None and _own.owner[1] == owner[1]:
            _own.client.close()
        _own.client, _own.owner, _own.ear = app.http(), owner, Ear()
        _listen(app, _own.client, _own.ear)
    return _own.client


def heard() -> Heard | None:
    """What the answers to this thread's client said of rate limits since it was last asked."""
    return _own.ear.take() if _own.ear is not None else None


def _listen(app: App, client: httpx.Client, ear: Ear) -> None:
    def hook(response: httpx.Response) -> None:
        ear.hear(rate_headers.read(response.headers, response.status_code, app.clock()))

    hooks = client.event_hooks
    client.event_hooks = {**hooks, "response": [*hooks.get("response", []), hook]}
