"""The door of programs: the JSON API, with a key whose scopes say what it may do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, ParamSpec

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import RequestEntityTooLarge

from automation import intake
from automation.actions import api_keys
from automation.changes import Change
from automation.errors import NotAllowed, TooOften, Unknown, Unreadable
from automation.insights.recommendations import advice
from automation.lookup import customer_of
from automation.models import Connection, Store
from automation.pace import Pace
from automation.platforms.api import COLLECTION_OF, COLLECTIONS, MOST, Invalid, parse
from automation.repeats import once
from automation.source import read_json
from webapp import openapi
from webapp.factory import the_app
from webapp.permissions import permission
from webapp.reporting import shown

blueprint = Blueprint("api", __name__)

PER_SECOND = 20.0
BURST = 100
"""Requests that a key may make: each process lets it make this many at once and then `PER_SECOND`."""
STRANGERS_PER_SECOND, STRANGERS_BURST = 1.0, 100
"""Requests without a key that exists, from one address."""

P = ParamSpec("P")


class _Refused(Exception):
    """Ends a request with a problem (RFC 9457)."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.pace"] = Pace(PER_SECOND, BURST)
    state.app.extensions["cartwheel.strangers"] = Pace(STRANGERS_PER_SECOND, STRANGERS_BURST)


@blueprint.errorhandler(_Refused)
def _refused(error: _Refused) -> Response:
    answer = jsonify(title=openapi.PROBLEMS[error.status], status=error.status, detail=str(error), **error.more)
    answer.status_code = error.status
    answer.mimetype = "application/problem+json"
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Cartwheel"'
    if "retry_after" in error.more:
        answer.headers["Retry-After"] = str(error.more["retry_after"])
    return answer


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_large(_: RequestEntityTooLarge) -> Response:
    return _refused(_Refused(413, f"The body is larger than {current_app.config['MAX_CONTENT_LENGTH'] // 2**20} MB."))


@blueprint.errorhandler(OperationalError)
def _away(_: OperationalError) -> Response:
    return _refused(_Refused(503, "The database does not answer. Nothing was applied.", retry_after=30))


def with_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let nobody in without a key, and nobody too often; `g.key` and `g.connection` say who it is."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            _count_stranger()
            raise _Refused(401, "Send your key as Authorization: Bearer cw_…")
        with the_app().db.read() as session:
            found = api_keys.find(session, token.strip())
            session.expunge_all()
        if found is None:
            _count_stranger()
            raise _Refused(401, "This key does not exist or was revoked.")
        g.key, g.connection = found
        try:
            current_app.extensions["cartwheel.pace"].take(g.key.id)
        except TooOften as error:
            seconds = math.ceil(error.after.total_seconds())
            raise _Refused(429, f"At most {PER_SECOND:g} requests a second.", retry_after=seconds) from error
        if g.connection.state != "active":
            raise _Refused(403, f"The connection is {g.connection.state}. {g.connection.state_reason}".strip())
        return view(*args, **kwargs)

    return checked


def _count_stranger() -> None:
    """Count a request without a key that exists: who guesses is soon told to wait, who has a key is never counted."""
    try:
        current_app.extensions["cartwheel.strangers"].take(request.remote_addr or "")
    except TooOften as error:
        seconds = math.ceil(error.after.total_seconds())
        raise _Refused(429, "Too many requests without a key.", retry_after=seconds) from error


def _needs(*scopes: str) -> None:
    missing = sorted(set(scopes) - set(g.key.scopes))
    if missing:
        raise _Refused(403, f"This key lacks the scope {' and '.join(missing)}.", missing_scopes=missing)


@blueprint.post("/api/v1/batch")
@permission("public")
@with_key
def batch() -> Response:
    """Changes of any type, applied in order."""
    body = _body()
    return _apply(body.get("changes") if isinstance(body, dict) else body, None)


def _collection(name: str) -> Callable[[], Response]:
    @with_key
    def tell() -> Response:
        _needs(f"{name}:write")
        body = _body()
        return _apply(body if isinstance(body, list) else [body], name)

    tell.__doc__ = f"One of {name}, or a list of them."
    return permission("public")(tell)


for _name in COLLECTIONS:
    blueprint.add_url_rule(f"/api/v1/{_name}", _name, _collection(_name), methods=["POST"])


@blueprint.get("/api/v1/customers/<path:who>")
@permission("public")
@with_key
def customer(who: str) -> Response:
    """One customer, by the id that the shop gave them or by address."""
    _needs("customers:read")
    with the_app().db.read() as session:
        found = customer_of(session, g.connection, who)
    if found is None:
        raise _Refused(404, "There is no such customer.")
    return jsonify(found.model_dump(mode="json"))


@blueprint.get("/api/v1/recommendations")
@permission("public")
@with_key
def recommendations() -> Response:
    """Products to show a customer, or beside a product, or both."""
    _needs("recommendations:read")
    asked = request.args
    count = asked.get("count", default=10, type=int)
    if not 1 <= count <= advice.MOST:
        raise _Refused(422, f"count: from 1 to {advice.MOST}.")
    app = the_app()
    with app.db.read() as session:
        try:
            found = advice.advise(
                session, g.connection, asked.get("customer", ""), asked.getlist("product"), count, app.clock()
            )
        except Unknown as error:
            raise _Refused(404, str(error)) from error
    return jsonify(found.model_dump(mode="json"))


@blueprint.get("/api/v1/reports/<name>")
@permission("public")
@with_key
def read_report(name: str) -> Response:
    """A report's table: its columns with their definitions, and its rows."""
    _needs("reports:read")
    with the_app().db.read() as session:
        store = session.get_one(Store, g.connection.store_id)
        try:
            table = shown(session, store, name, request.args.to_dict()).table
        except Unknown as error:
            raise _Refused(404, str(error)) from error
        except NotAllowed as error:
            raise _Refused(422, str(error)) from error
    columns = [asdict(column) for column in table.columns]
    return jsonify(
        columns=columns, rows=[table.plain(row) for row in table.rows], currency=table.currency, note=table.note
    )


@blueprint.get("/api/openapi.json")
@permission("public")
def description() -> Response:
    """Everything above, for machines."""
    answer = jsonify(openapi.document(the_app().settings.public_url))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


def _body() -> Any:
    try:
        return read_json(request.get_data())
    except Unreadable as error:
        raise _Refused(400, str(error)) from error


def _apply(items: Any, collection: str | None) -> Response:
    if not isinstance(items, list):
        raise _Refused(400, 'The body must be {"changes": [ … ]}.')
    if len(items) > MOST:
        raise _Refused(413, f"{len(items)} items; at most {MOST} in one request.")
    try:
        changes = parse(items, collection)
    except Invalid as error:
        faults = [asdict(fault) for fault in error.faults[:100]]
        raise _Refused(422, "Nothing was applied.", errors=faults, error_count=len(error.faults)) from error
    _needs(*{f"{COLLECTION_OF[change.type]}:write" for change in changes})  # type: ignore[attr-defined]  # all have one
    return jsonify(_record(changes))


def _record(changes: list[Change]) -> dict[str, Any]:
    app, key, connection = the_app(), g.key, g.connection
    now = app.clock()
    name = request.headers.get("Idempotency-Key", "")
    if len(name) > 255:
        raise _Refused(400, "Idempotency-Key: at most 255 characters.")
    try:
        with app.db.write() as session:

            def do() -> dict[str, Any]:
                row = session.get_one(Connection, connection.id)
                return asdict(intake.record(session, row, changes, now))

            api_keys.note_use(session, key.id, now)
            if not name:
                return do()
            # The key is the sender's own: another sender of this store, or another path, may use the same word.
            content = request.path.encode() + b"\n" + request.get_data()
            return once(session, connection.id, f"{key.id}:{name}", content, now, do)[0]
    except NotAllowed as error:
        raise _Refused(422, str(error)) from error
    except DataError as error:
        raise _Refused(422, "A value does not fit into the database. Nothing was applied.") from error
