"""The door of a shop's pages: the snippet they load, and what it tells. Taken from the store's own origins alone."""

from __future__ import annotations

import logging
from concurrent.futures import TimeoutError as TooSlow
from functools import partial

import orjson
from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from automation import storefront
from automation.agents import is_machine
from automation.errors import CartwheelError, TooOften
from automation.insights.touches.channels import device_of
from automation.languages import words
from automation.models import Form, FormVersion, Store
from automation.pace import Pace
from automation.signup.definition import FormDefinition
from automation.storefront import Heard, Report
from webapp.assets import built
from webapp.factory import the_app, the_writer
from webapp.permissions import permission

blueprint = Blueprint("storefront", __name__)
log = logging.getLogger(__name__)

LARGEST = 16 * 1024
"""Bytes of a report; twenty events fit in easily."""
_PATIENCE = 2.0
"""Seconds; the page does not wait for it, and the visitor has left it perhaps."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.reports"] = Pace(per_second=1, burst=30)
    # One for all of a process, so that concurrent reports are written together.
    state.app.extensions["cartwheel.hear"] = partial(storefront.hear, state.app.extensions["cartwheel"])


def _store(key: str) -> Store | None:
    with the_app().db.read() as session:
        store = session.scalar(select(Store).where(Store.public_id == key))
        session.expunge_all()
    return store


@blueprint.get("/s/<key>.js")
@permission("public")
def snippet(key: str) -> Response:
    """The snippet with the store's pop-ups: the same for every visitor, so that it may be kept for some minutes."""
    store = _store(key)
    if store is None:
        return Response("", 404, mimetype="text/javascript")
    with the_app().db.read() as session:
        rows = session.execute(
            select(Form.public_id, FormVersion.definition)
            .join(FormVersion, FormVersion.id == Form.version_id)
            .where(Form.store_id == store.id, Form.state == "live")
            .order_by(Form.id)
        ).all()
    forms = [(row.public_id, FormDefinition.model_validate(row.definition)) for row in rows]
    settings = {
        "url": the_app().settings.public_url,
        "key": key,
        "tells": storefront.storefront_of(store).tells,
        "forms": [_pop_up(public_id, form) for public_id, form in forms if form.popup],
    }
    body = f"window.__cartwheel={orjson.dumps(settings).decode()};{built('storefront.js')}"
    answer = Response(body, mimetype="text/javascript")
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _pop_up(public_id: str, form: FormDefinition) -> dict[str, object]:
    return {
        "id": public_id,
        "title": form.title,
        "close": words(form.language)("Close"),
        "delay": form.popup_delay,
        "scroll": form.popup_scroll,
        "exit": form.popup_exit,
        "pages": form.page_list,
        "days": form.popup_days,
    }


@blueprint.route("/s/<key>/events", methods=["OPTIONS"])
@permission("public")
def ask(key: str) -> Response:
    """Whether a page may send here; only browsers that are asked to send more than the snippet does want to know."""
    store, origin = _store(key), request.headers.get("Origin", "")
    if store is None or origin not in storefront.storefront_of(store).origin_list:
        return Response("", 403)
    answer = _allowed(Response("", 204), origin)
    answer.headers["Access-Control-Allow-Methods"] = "POST"
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
    answer.headers["Access-Control-Max-Age"] = "600"
    return answer


@blueprint.post("/s/<key>/events")
@permission("public")
def events(key: str) -> Response:
    """Take what a page tells. 204 whether or not anybody is known by it, or wants to be."""
    store, origin = _store(key), request.headers.get("Origin", "")
    settings = storefront.storefront_of(store) if store is not None else None
    if store is None or settings is None or origin not in settings.origin_list:
        return _say("This page is none of the store's.", 403)
    if (request.content_length or 0) > LARGEST or request.content_length is None:
        return _allowed(_say("At most 16 KB.", 413), origin)
    try:
        current_app.extensions["cartwheel.reports"].take(request.remote_addr)
        report = Report.model_validate_json(request.get_data(cache=False))
    except TooOften:
        return _allowed(_say("Too often.", 429), origin)
    except ValidationError:
        return _allowed(_say("This is no report.", 400), origin)
    wants_none = request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"
    if settings.tells and not wants_none and not is_machine("click", request.user_agent.string):
        device = device_of(request.user_agent.string)
        heard = Heard(store.id, report, settings.tells_carts, the_app().clock(), device)
        try:
            the_writer().gather(current_app.extensions["cartwheel.hear"], heard).result(_PATIENCE)
        except (TooSlow, SQLAlchemyError, CartwheelError) as error:
            log.warning("What a storefront told could not be kept: %s", type(error).__name__)
    return _allowed(Response("", 204), origin)


def _say(text: str, status: int) -> Response:
    return Response(text, status, mimetype="text/plain")


def _allowed(answer: Response, origin: str) -> Response:
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.vary.add("Origin")
    return answer
