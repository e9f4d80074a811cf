"""The Flask application as tests open it: new for each test, its templates compiled once for all."""

from __future__ import annotations

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from automation.app import App
from webapp.factory import create_app


class _Compiled(BytecodeCache):
    """In memory: compiling takes a quarter of what page tests take."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        found = self._kept.get(bucket.key)
        if found is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def open_pages(app: App) -> Flask:
    """The application of an installation."""
    flask = create_app(app)
    flask.jinja_env.bytecode_cache = _COMPILED
    return flask
