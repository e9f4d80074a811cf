"""The Flask application as tests open it: new for each test, its templates compiled once for all."""

from __future__ import annotations

from copy import copy
from typing import ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Map, Rule, RuleFactory

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


class _KnownRules(Map):
    """Compiles each address once: most tests make an application, and four fifths of that is compiling."""

    compiled: ClassVar[dict[tuple[object, ...], Rule]] = {}

    def add(self, rulefactory: RuleFactory) -> None:
        for rule in rulefactory.get_rules(self):
            key = (rule.rule, rule.endpoint, frozenset(rule.methods or ()), repr(rule.defaults), rule.strict_slashes)
            known = self.compiled.get(key)
            if known is None:
                super().add(rule)
                self.compiled[key] = rule
                continue
            mine = copy(known)
            mine.map = self
            self._matcher.add(mine)
            self._rules_by_endpoint.setdefault(mine.endpoint, []).append(mine)
            self._remap = True


_COMPILED = _Compiled()
Flask.url_map_class = _KnownRules


def open_pages(app: App) -> Flask:
    """The application of an installation."""
    flask = create_app(app)
    flask.jinja_env.bytecode_cache = _COMPILED
    return flask
