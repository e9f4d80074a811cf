"""The door of what readers think: a link per score in the mail, and a page whose button says it."""

from __future__ import annotations

import logging
from concurrent.futures import TimeoutError as TooSlow

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import SQLAlchemyError

from automation import ratings
from automation.errors import NotAllowed, TooOften
from automation.pace import Pace
from automation.rendering.links import key_of, read_token
from webapp.factory import the_app, the_writer
from webapp.permissions import permission
from webapp.recipients import later, nothing, page

blueprint = Blueprint("ratings_doors", __name__)
log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a reader waits for their word to be kept; then they are told to ask again."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.ratings"] = Pace(per_second=0.5, burst=20)


@blueprint.get("/r/<token>/<int:score>")
@blueprint.get("/r/<token>")
@permission("public")
def ask(token: str, score: int | None = None) -> Response:
    """Show the chosen score and a button that says it. Scanners get here too: nothing is kept."""
    public_id = read_token(key_of(the_app().keyring), token)
    if public_id is None or (score is not None and score > 10):
        return nothing()
    with the_app().db.read() as session:
        reader = ratings.asked(session, public_id, the_app().clock())
    if reader is None:
        return nothing()
    chosen = score if score is not None else reader.score
    return page("rating", reader=reader, chosen=chosen, token=token)


@blueprint.post("/r/<token>")
@permission("public")
def say(token: str) -> Response:
    """Keep the score and what was written with it."""
    public_id = read_token(key_of(the_app().keyring), token)
    if public_id is None:
        return nothing()
    said, now, comment = request.form.get("score", ""), the_app().clock(), request.form.get("comment", "")
    score = int(said) if said.isascii() and said.isdigit() and len(said) <= 2 else -1
    try:
        current_app.extensions["cartwheel.ratings"].take(public_id)
        reader = the_writer().submit(lambda s: ratings.rate(s, public_id, score, comment, now)).result(_PATIENCE)
    except TooOften:
        return later(429)
    except NotAllowed as error:
        with the_app().db.read() as session:
            reader = ratings.asked(session, public_id, now)
        if reader is None:
            return nothing()
        return page("rating", 422, reader=reader, chosen=None, token=token, problem=str(error), comment=comment)
    except (TooSlow, SQLAlchemyError) as error:
        log.warning("A rating could not be written: %s", type(error).__name__)
        return later()
    if reader is None:
        return nothing()
    return page("rating", reader=reader, chosen=reader.score, token=token, is_done=True)
