"""The door of load balancers and monitors."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from automation.health import look
from webapp.factory import the_app
from webapp.permissions import permission

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)


@blueprint.get("/healthz")
@permission("public")
def healthz() -> Response:
    """Ages in seconds of the worker's heartbeats and of the oldest waiting work; 503 when the database is away."""
    app = the_app()
    try:
        with app.db.read() as session:
            health = look(session, app.clock())
    except SQLAlchemyError as error:
        log.warning("The database does not answer: %s", type(error).__name__)
        answer = jsonify(ok=False, error="The database does not answer.")
        answer.status_code = 503
        return answer
    return jsonify(
        ok=True,
        is_beating=health.is_beating,
        heartbeats=health.heartbeats,
        waiting=health.waiting,
        oldest_due_seconds=health.oldest,
    )
