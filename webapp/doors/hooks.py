"""The door of shops and mail providers: their webhooks are verified and kept; the listen stage reads them later."""

from __future__ import annotations

import logging
import math
from concurrent.futures import TimeoutError as TooSlow
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import RequestEntityTooLarge

from automation.errors import BadSignature, CartwheelError, TooOften, Unknown, Unreadable
from automation.pace import Pace
from automation.reception import Reception
from automation.source import Request
from webapp.factory import the_app
from webapp.permissions import permission

blueprint = Blueprint("hooks", __name__)
log = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds. Shopify waits five; who is told 503 comes again, and the delivery's id keeps it from counting twice."""
PER_SECOND, BURST = 500.0, 20_000
"""Webhooks of one connection: each process takes this many at once and then `PER_SECOND`. A shop whose whole catalogue
changes stays below it; one that has gone mad is told to wait and, Shopify at least, tells again."""
REFUSALS_PER_SECOND, REFUSALS_BURST = 2.0, 200
"""Refusals that one address is told the reasons of; after that it only hears that it is too much. Who signs well is
never counted, so nobody can be kept out by another's noise."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    extensions = state.app.extensions
    extensions["cartwheel.reception"] = Reception(extensions["cartwheel"], extensions["cartwheel.writer"])
    extensions["cartwheel.arrivals"] = Pace(PER_SECOND, BURST)
    extensions["cartwheel.refusals"] = Pace(REFUSALS_PER_SECOND, REFUSALS_BURST)


@blueprint.post("/hooks/<public_id>")
@permission("public")
def receive(public_id: str) -> Response:
    """Verify one webhook and keep it. 200 means that it survives a power cut."""
    reception: Reception = current_app.extensions["cartwheel.reception"]
    try:
        current_app.extensions["cartwheel.arrivals"].take(public_id)
        # The raw bytes: signatures are over these, and parsing them again would not give the same.
        webhook = Request(
            {name.lower(): value for name, value in request.headers.items()},
            request.get_data(cache=False),
            request.args.to_dict(),
        )
        is_new = reception.receive(public_id, webhook, the_app().clock(), PATIENCE)
    except TooOften as error:
        return _too_often(error)
    except BadSignature as error:
        return _counted(401, error)
    except Unreadable as error:
        return _counted(400, error)
    except Unknown as error:
        return _counted(404, error)
    except RequestEntityTooLarge:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        return _refusal(413, f"The body is larger than {limit // 2**20} MB.")
    except (TooSlow, DBAPIError, CartwheelError) as error:
        log.warning("A webhook for %s could not be kept: %s", public_id, type(error).__name__)
        answer = _refusal(503, "It could not be kept now. Send it again.")
        answer.headers["Retry-After"] = "30"
        return answer
    return jsonify(received=True, repeated=not is_new)


@blueprint.get("/hooks/<public_id>")
@permission("public")
def challenge(public_id: str) -> Response:
    """Answer a sender that asks, before it sends anything, whether this address is ours."""
    reception: Reception = current_app.extensions["cartwheel.reception"]
    asked = Request({name.lower(): value for name, value in request.headers.items()}, b"", request.args.to_dict())
    try:
        answer = reception.challenge(public_id, asked)
    except (Unknown, CartwheelError) as error:
        return _refusal(404, error)
    if answer is None:
        return _refusal(405, "Webhooks are posted to this address.")
    return Response(answer, mimetype="text/plain")


def _counted(status: int, why: Any) -> Response:
    """A refusal that the sender's address has to answer for."""
    try:
        current_app.extensions["cartwheel.refusals"].take(request.remote_addr or "")
    except TooOften as error:
        return _too_often(error)
    return _refusal(status, why)


def _too_often(error: TooOften) -> Response:
    answer = _refusal(429, "Too many requests.")
    answer.headers["Retry-After"] = str(math.ceil(error.after.total_seconds()))
    return answer


def _refusal(status: int, why: Any) -> Response:
    answer = jsonify(error=str(why))
    answer.status_code = status
    return answer
