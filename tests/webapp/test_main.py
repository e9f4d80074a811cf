from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, jsonify, request
from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware
from werkzeug.test import Client

from automation.settings import Settings
from webapp.__main__ import proxy_arguments


def _asked(settings: Settings, **headers: str) -> Any:
    """What the application is told of a request that comes from 127.0.0.1, behind the server's own wrapping."""
    flask = Flask(__name__)

    @flask.get("/")
    def answer() -> Any:
        return jsonify(address=request.remote_addr, scheme=request.scheme)

    told = Adjustments(clear_untrusted_proxy_headers=True, **proxy_arguments(settings))
    wrapped = proxy_headers_middleware(
        flask,
        trusted_proxy=told.trusted_proxy,
        trusted_proxy_count=told.trusted_proxy_count,
        trusted_proxy_headers=told.trusted_proxy_headers,
        clear_untrusted=told.clear_untrusted_proxy_headers,
        log_untrusted=told.log_untrusted_proxy_headers,
    )
    environ = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_HOST": "127.0.0.1", "REMOTE_PORT": "40000"}
    return Client(wrapped).get("/", headers=headers, environ_overrides=environ).json


_CLAIM = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxy", "address", "scheme"),
    [(None, "127.0.0.1", "http"), ("127.0.0.1", "203.0.113.9", "https"), ("198.51.100.1", "127.0.0.1", "http")],
)
def test_only_the_trusted_proxy_says_whose_request_it_is(proxy: str | None, address: str, scheme: str) -> None:
    assert _asked(Settings(trusted_proxy=proxy), **_CLAIM) == {"address": address, "scheme": scheme}


def test_what_a_visitor_claims_before_the_proxy_is_not_believed() -> None:
    claim = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
    assert _asked(Settings(trusted_proxy="127.0.0.1"), **claim)["address"] == "203.0.113.9"
