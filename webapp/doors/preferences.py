"""The door of readers who want to say what they get, and how often. A GET changes nothing, whatever fetches it."""

from __future__ import annotations

import logging
from concurrent.futures import TimeoutError as TooSlow
from datetime import timedelta

from flask import Blueprint, Response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from automation import preference_centre as centre
from automation.app import App
from automation.errors import NotAllowed
from automation.languages import words
from automation.preference_centre import Centre, Visit
from automation.preferences import Preferences
from automation.rendering.links import key_of, read_token
from webapp.factory import the_app, the_writer
from webapp.permissions import permission
from webapp.recipients import later, nothing, shown

blueprint = Blueprint("preferences", __name__)
log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds; then the reader is told to try again: what they choose holds when we say so."""
PAUSES = {"7": 7, "30": 30, "90": 90}
"""Days of rest that can be chosen, by what the form calls them."""
FREQUENCIES = {"1": (1, None), "2": (2, None), "3": (3, None), "month": (None, 1), "month2": (None, 2)}
"""Most mails in a week and in a month, by what the form calls them."""


def _page(found: Centre | None, *, said: str = "", status: int = 200) -> Response:
    if found is None:
        return nothing()
    say = words(found.language)
    page = render_template(
        "signup/preferences.html",
        found=found,
        frequencies=FREQUENCIES,
        language=found.language,
        _=say,
        said=say(said) if said else "",
        now=the_app().clock(),
    )
    return shown(page, status)


def _message_of(token: str) -> str | None:
    return read_token(key_of(the_app().keyring), token)


@blueprint.get("/p/<token>")
@permission("public")
def show(token: str) -> Response:
    """The reader's wishes."""
    public_id = _message_of(token)
    if public_id is None:
        return nothing()
    try:
        with the_app().db.read() as session:
            return _page(centre.open_centre(session, public_id))
    except SQLAlchemyError as error:
        log.warning("A preference centre could not be read: %s", type(error).__name__)
        return later()


@blueprint.post("/p/<token>")
@permission("public")
def change(token: str) -> Response:
    """Store them, leave altogether, or undo the last change."""
    public_id = _message_of(token)
    if public_id is None:
        return nothing()
    app = the_app()
    given, visit = request.form, Visit(request.remote_addr or "", request.user_agent.string)
    try:
        done = the_writer().submit(lambda session: _act(app, session, public_id, given, visit))
        found, said = done.result(_PATIENCE)
    except (TooSlow, SQLAlchemyError) as error:
        log.warning("A reader's wishes could not be written: %s", type(error).__name__)
        return later()
    except NotAllowed:
        return nothing()
    return _page(found, said=said)


def _act(
    app: App, session: Session, public_id: str, given: MultiDict[str, str], visit: Visit
) -> tuple[Centre | None, str]:
    now = app.clock()
    match given.get("action"):
        case "leave":
            return centre.leave(session, app.keyring, public_id, visit, now), "You get no more of these mails."
        case "undo":
            sealed = given.get("before", "")
            return centre.undo(session, app.keyring, public_id, sealed, visit, now), "It is as it was before."
    before = centre.open_centre(session, public_id)
    if before is None:
        return None, ""
    pause = given.get("pause", "keep")
    until = before.wishes.paused_until if pause == "keep" else None
    if pause in PAUSES:
        until = now + timedelta(days=PAUSES[pause])
    how_often = given.get("frequency", "")
    # One that was set elsewhere and is none of ours stays until another one is chosen.
    often = (before.wishes.frequency, before.wishes.per_month)
    per_week, per_month = often if how_often == "keep" else FREQUENCIES.get(how_often, (None, None))
    wish = Preferences(frequency=per_week, paused_until=until, per_month=per_month)
    wording = f"Store ({', '.join(c.label for c in before.choices if c.code in given.getlist('topic'))})"
    wanted = set(given.getlist("topic"))
    return (
        centre.choose(session, app.keyring, public_id, wanted, wish, wording, visit, now),
        "Your wishes are stored.",
    )
