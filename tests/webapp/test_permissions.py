"""Every route × every role: generated from the routes themselves, so that a new one cannot be forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule

from automation.app import App
from automation.models import Store
from tests.webapp.visitors import Visitor, logged_in
from webapp.permissions import ROLES, check_declared, permission, permission_of

VALUES: dict[str, Any] = {"int": 1, "path": "x"}


def address(flask: Flask, rule: Rule) -> str:
    """An address that the rule matches; what it names is not there."""
    values = {
        name: VALUES.get(type(c).__name__.removesuffix("Converter").lower(), "nothing")
        for name, c in rule._converters.items()
    }
    values = {
        name: 1 if type(rule._converters[name]).__name__ == "IntegerConverter" else v for name, v in values.items()
    }
    with flask.test_request_context():
        adapter = flask.create_url_adapter(None)
        assert adapter is None or adapter
        built = rule.build(values, append_unknown=False)
    assert built is not None
    return built[1]


def guarded(flask: Flask) -> list[tuple[str, str, str]]:
    """(needed, method, address) of every route that is not public."""
    found = []
    for rule in flask.url_map.iter_rules():
        needed = permission_of(flask, rule.endpoint)
        if needed in (None, "public"):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            found.append((str(needed), method, address(flask, rule)))
    return found


def ask(visitor: Visitor, method: str, path: str, token: str) -> int:
    if method == "GET":
        return visitor.get(path).status_code
    return visitor.post(path, token=token).status_code


def test_every_route_declares_who_may_use_it(site: Flask) -> None:
    check_declared(site)
    undeclared = Blueprint("undeclared", __name__)
    undeclared.add_url_rule("/undeclared", view_func=lambda: "", endpoint="view")
    site._got_first_request = False
    site.register_blueprint(undeclared)
    with pytest.raises(RuntimeError, match=r"undeclared\.view"):
        check_declared(site)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_gets_no_further_than_what_was_declared(site: Flask, app: App, store: Store, role: str) -> None:
    site.testing = False
    site.logger.disabled = True
    routes = [r for r in guarded(site) if not r[2].startswith("/logout")]
    assert len(routes) > 20
    wrong = []
    visitor = logged_in(site, app, role)
    token = visitor.token("/account")
    for needed, method, path in routes:
        status = ask(visitor, method, path, token)
        if (status == 403) != (needed not in ROLES[role]):
            wrong.append((needed, method, path, status))
    assert not wrong


def test_strangers_are_sent_to_the_log_in_from_every_guarded_route(
    site: Flask, store: Store, stranger: Visitor
) -> None:
    token = stranger.token()
    for _, method, path in guarded(site):
        answer = stranger.get(path) if method == "GET" else stranger.post(path, token=token)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/login"), path


def test_a_fragment_asked_for_without_a_session_sends_the_whole_page_to_the_log_in(stranger: Visitor) -> None:
    answer = stranger.get("/pulse", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


def test_the_permission_is_not_changed_by_marking_a_view() -> None:
    def view() -> str:
        return "seen"

    assert permission("edit")(view)() == "seen"
