"""The doors of the loyalty programme: a customer's points by the link in a mail, and the invitation for friends."""

from __future__ import annotations

import logging
import secrets
from concurrent.futures import TimeoutError as TooSlow
from datetime import datetime

from babel.dates import format_date
from flask import Blueprint, Response, current_app, redirect, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import SQLAlchemyError

from automation.errors import NotAllowed, TooOften, Unreadable
from automation.loyalty import page as programme
from automation.pace import Pace
from automation.rendering.links import key_of, read_token
from webapp.factory import the_app, the_writer
from webapp.headers import RECIPIENT_CSP, private
from webapp.permissions import permission
from webapp.recipients import later, nothing, page
from webapp.words import LOCALE

blueprint = Blueprint("loyalty_doors", __name__)
log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that somebody waits for points to be spent; then they are told to ask again."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.friends"] = Pace(per_second=0.1, burst=10)


def _points(public_id: str, status: int = 200, *, problem: str = "") -> Response:
    with the_app().db.read() as session:
        found = programme.view(session, public_id, the_app().clock())
        if found is None:
            return nothing()

        def day(at: datetime) -> str:
            return str(format_date(at.astimezone(found.zone), "d MMM y", locale=LOCALE))

        base, key = the_app().settings.public_url, secrets.token_urlsafe(16)
        return page("points", status, view=found, key=key, day=day, problem=problem, base=base)


@blueprint.get("/l/<token>")
@permission("public")
def points(token: str) -> Response:
    """Where the reader of a mail stands, and what their points buy."""
    public_id = read_token(key_of(the_app().keyring), token)
    return nothing() if public_id is None else _points(public_id)


@blueprint.post("/l/<token>/rewards/<reward>")
@permission("public")
def redeem(token: str, reward: str) -> Response:
    """Spend points on a reward."""
    public_id = read_token(key_of(the_app().keyring), token)
    if public_id is None:
        return nothing()
    key, now = request.form.get("key", ""), the_app().clock()
    try:
        with the_app().db.write() as session:
            programme.take(session, public_id, reward, key, now)
    except NotAllowed as error:
        return _points(public_id, 422, problem=str(error))
    except SQLAlchemyError as error:
        log.warning("A reward could not be given: %s", type(error).__name__)
        return later()
    # So that loading the page again sends nothing again.
    return private(redirect(f"/l/{token}#taken", 303), RECIPIENT_CSP)  # type: ignore[arg-type]  # werkzeug's own type


@blueprint.post("/l/<token>/invitation")
@permission("public")
def invitation(token: str) -> Response:
    """Draw the reader's invitation code."""
    public_id = read_token(key_of(the_app().keyring), token)
    if public_id is None:
        return nothing()
    with the_app().db.write() as session:
        if programme.invitation(session, public_id, the_app().clock()) is None:
            return nothing()
    return private(redirect(f"/l/{token}#friends", 303), RECIPIENT_CSP)  # type: ignore[arg-type]  # as above


@blueprint.get("/i/<code>")
@permission("public")
def invited(code: str) -> Response:
    """What a friend reads who was invited."""
    with the_app().db.read() as session:
        found = programme.invited(session, code)
        return nothing() if found is None else page("invitation", found=found)


@blueprint.post("/i/<code>")
@permission("public")
def accept(code: str) -> Response:
    """A friend leaves an address."""
    ip, agent, now = request.remote_addr or "", request.user_agent.string, the_app().clock()
    email = request.form.get("email", "")
    try:
        current_app.extensions["cartwheel.friends"].take(ip)
        given = (
            the_writer().submit(lambda s: programme.accept(s, code, email, now, ip=ip, agent=agent)).result(_PATIENCE)
        )
    except TooOften:
        return later(429)
    except (TooSlow, SQLAlchemyError) as error:
        log.warning("An invitation could not be kept: %s", type(error).__name__)
        return later()
    except Unreadable:
        given, problem = "", "This is no mail address we can read."
    else:
        problem = ""
    with the_app().db.read() as session:
        found = programme.invited(session, code)
        if found is None or given is None:
            return nothing()
        status = 422 if problem else 200
        return page(
            "invitation", status, found=found, given=given, problem=problem, email=email[:320], is_done=not problem
        )
