"""The door of Prometheus: closed, as if it were not there, until CARTWHEEL_METRICS_TOKEN is set."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, abort, request
from sqlalchemy.exc import SQLAlchemyError

from automation.metrics import families, written
from automation.security import same
from webapp.factory import the_app
from webapp.permissions import permission

blueprint = Blueprint("metrics", __name__)
log = logging.getLogger(__name__)


@blueprint.get("/metrics")
@permission("public")
def metrics() -> Response:
    """Figures in Prometheus' text format, for who brings the token as a bearer's."""
    app = the_app()
    token = app.settings.metrics_token
    # An address says nothing: behind a web server on this machine, all the world comes from here.
    if token is None:
        abort(404)
    if not same(request.headers.get("Authorization", ""), f"Bearer {token.get_secret_value()}"):
        return Response("A bearer token is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    try:
        with app.db.read() as session:
            found = families(session, app.clock())
    except SQLAlchemyError as error:
        log.warning("The database does not answer: %s", type(error).__name__)
        return Response("The database does not answer.\n", 503, mimetype="text/plain")
    return Response(written(found), content_type="text/plain; version=0.0.4; charset=utf-8")
