from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from flask import Flask, jsonify, request
from waitress.server import create_server

from automation.settings import Settings
from webapp.__main__ import proxy_arguments


def _whoami() -> Flask:
    flask = Flask(__name__)

    @flask.get("/")
    def answer() -> Any:
        return jsonify(address=request.remote_addr, scheme=request.scheme)

    return flask


@contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    arguments = {"clear_untrusted_proxy_headers": True, **proxy_arguments(settings)}
    server = create_server(_whoami(), host="127.0.0.1", port=0, **arguments)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}/"
    server.close()
    server.task_dispatcher.shutdown(timeout=1)
    thread.join(2)


_CLAIM = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxy", "address", "scheme"),
    [(None, "127.0.0.1", "http"), ("127.0.0.1", "203.0.113.9", "https"), ("198.51.100.1", "127.0.0.1", "http")],
)
def test_only_the_trusted_proxy_says_whose_request_it_is(proxy: str | None, address: str, scheme: str) -> None:
    with _serving(Settings(trusted_proxy=proxy)) as url:
        found = httpx.get(url, headers=_CLAIM, trust_env=False).json()
    assert found == {"address": address, "scheme": scheme}


def test_what_a_visitor_claims_before_the_proxy_is_not_believed() -> None:
    with _serving(Settings(trusted_proxy="127.0.0.1")) as url:
        claim = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
        assert httpx.get(url, headers=claim, trust_env=False).json()["address"] == "203.0.113.9"
