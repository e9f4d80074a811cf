"""The door of those who sign up: a form's page (alone, or in a frame of the shop's), and the page that confirms.

A form says the same to every address. Robots are kept out without asking anybody else: a field that people do not
see, a ticket that proves how long the page was looked at, and limits by place, address and domain.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import TimeoutError as TooSlow
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import orjson
from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from automation.agents import is_machine
from automation.errors import NotAllowed, TooOften, Unreadable
from automation.languages import words
from automation.models import Form, FormVersion, Store
from automation.pace import Pace
from automation.rendering.links import key_of, read_token
from automation.signup import confirming, submitting, ticket
from automation.signup.definition import FormDefinition
from automation.signup.submitting import Entry
from automation.storefront import storefront_of
from webapp.assets import built
from webapp.entries import Typed, empty, read
from webapp.factory import the_app, the_writer
from webapp.headers import FORM_CSP
from webapp.permissions import permission
from webapp.recipients import later, nothing, shown

blueprint = Blueprint("signup", __name__)
log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds; who waits longer is told to try again."""
_VISITOR = re.compile(r"[A-Za-z0-9-]{16,64}")


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.sign_ups"] = Pace(per_second=0.1, burst=10)


class Shown:
    """A form that is shown, and how."""

    def __init__(self, form: Form, version: FormVersion, definition: FormDefinition, store: Store) -> None:
        self.form, self.version, self.definition, self.store = form, version, definition, store
        self.is_embedded = request.values.get("embed") == "1"
        given = request.values.get("v", "")
        self.visitor = given if _VISITOR.fullmatch(given) else ""
        self.page = _without_query(request.values.get("page", "") or request.referrer or "")

    @property
    def address(self) -> str:
        """Where this form is shown in this way."""
        more = {"embed": "1"} if self.is_embedded else {}
        return f"/f/{self.form.public_id}" + (f"?{urlencode(more)}" if more else "")


def _without_query(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:500] if parts.scheme in ("http", "https") else ""


def _shown(public_id: str) -> Shown | None:
    with the_app().db.read() as session:
        found = submitting.may_be_shown(session, public_id)
        session.expunge_all()
    return Shown(*found) if found else None


def _page(template: str, shown: Shown, status: int = 200, **values: object) -> Response:
    language = shown.definition.language
    page = render_template(f"signup/{template}.html", shown=shown, language=language, _=words(language), **values)
    answer = make_response(page, status)
    origins = " ".join(storefront_of(shown.store).origin_list)
    answer.headers["Content-Security-Policy"] = f"{FORM_CSP} {origins}".strip()
    return answer


@blueprint.get("/f/<public_id>")
@permission("public")
def show(public_id: str) -> Response:
    """The form, or what is said once it was sent."""
    shown = _shown(public_id)
    if shown is None or shown.form.state == "archived":
        return nothing()
    if shown.form.state != "live":
        return _page("closed", shown)
    if request.args.get("sent") == "1":
        return _page("sent", shown)
    if request.method == "GET" and not is_machine("click", request.user_agent.string):
        form_id, now = shown.form.id, the_app().clock()
        the_writer().submit(lambda session: submitting.count(session, form_id, now))  # nobody waits for a count
    return _form(shown, empty())


def _form(shown: Shown, typed: Typed, status: int = 200, given: str = "") -> Response:
    fresh = given or ticket.issue(the_app().keyring, shown.form.public_id, the_app().clock())
    return _page("form", shown, status, typed=typed, ticket=fresh)


@blueprint.post("/f/<public_id>")
@permission("public")
def send(public_id: str) -> Answer:
    """Take what was typed. The answer is the same for every address."""
    shown = _shown(public_id)
    if shown is None or shown.form.state == "archived":
        return nothing()
    if shown.form.state != "live":
        return _page("closed", shown)
    try:
        given = request.form
    except HTTPException:  # too large, or cut off
        return _form(shown, empty(), 400)
    sent = redirect(f"{shown.address}{'&' if shown.is_embedded else '?'}sent=1", 303)
    if given.get("website"):
        return sent  # a robot filled in what people do not see
    say = words(shown.definition.language)
    app = the_app()
    typed = read(shown.definition, given, say)
    old = given.get("ticket", "")
    age = ticket.age(app.keyring, public_id, old, app.clock())
    if age is None:
        typed.error = say("This page was open for a long time. Please press the button once more.")
        return _form(shown, typed, 422)
    if age < ticket.LEAST and not typed.errors:
        typed.error = say("That was quick. Please press the button once more.")
        return _form(shown, typed, 422, old)
    if typed.errors:
        return _form(shown, typed, 422, old)
    return _submitted(shown, typed, sent, old)


def _submitted(shown: Shown, typed: Typed, sent: Answer, old: str) -> Answer:
    app, say = the_app(), words(shown.definition.language)
    now, form_id, version_id = app.clock(), shown.form.id, shown.version.id
    entry = Entry(
        email=typed.email,
        topics=typed.topics,
        answers=typed.answers,
        ip=request.remote_addr or "",
        agent=request.user_agent.string,
        page=shown.page,
        visitor=shown.visitor,
    )
    try:
        current_app.extensions["cartwheel.sign_ups"].take(request.remote_addr)
        the_writer().submit(lambda session: submitting.submit(app, session, form_id, version_id, entry, now)).result(
            _PATIENCE
        )
    except Unreadable:
        typed.errors["email"] = say("This is no mail address.")
        return _form(shown, typed, 422, old)
    except TooOften:
        the_writer().submit(lambda session: submitting.turned_away(session, form_id, now))
        log.warning("The form %s turned somebody away: too many sign up.", shown.form.public_id)
        typed.error = say("Too many people sign up just now. Please try again in an hour.")
        return _form(shown, typed, 429, old)
    except NotAllowed as error:
        log.warning("The form %s cannot take anybody: %s", shown.form.public_id, error)
        return _page("closed", shown)
    except (TooSlow, SQLAlchemyError) as error:
        log.warning("A sign-up could not be written: %s", type(error).__name__)
        typed.error = say("That did not work. Please try again in a minute.")
        return _form(shown, typed, 503, old)
    return sent


@blueprint.get("/f/<public_id>.js")
@permission("public")
def embed(public_id: str) -> Response:
    """Puts the form where a shop's page has the script's tag."""
    shown = _shown(public_id)
    if shown is None or shown.form.state == "archived":
        return Response("", 404, mimetype="text/javascript")
    about = {"url": the_app().settings.public_url, "id": public_id, "title": shown.definition.title}
    body = f"window.__cartwheelForm={orjson.dumps(about).decode()};{built('embed.js')}"
    answer = Response(body, mimetype="text/javascript")
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _answer(found: confirming.Question | None, **values: object) -> Response:
    if found is None:
        return nothing()
    say = words(found.language)
    page = render_template("signup/confirm.html", found=found, language=found.language, _=say, **values)
    return shown(page)


@blueprint.get("/y/<token>")
@permission("public")
def ask(token: str) -> Response:
    """Show what is asked, and the button that confirms it. Changes nothing: scanners follow every link."""
    public_id = read_token(key_of(the_app().keyring), token)
    if public_id is None:
        return nothing()
    try:
        with the_app().db.read() as session:
            return _answer(confirming.question(session, public_id, the_app().clock()))
    except SQLAlchemyError as error:
        log.warning("A confirmation page could not be read: %s", type(error).__name__)
        return later()


@blueprint.post("/y/<token>")
@permission("public")
def confirm(token: str) -> Response:
    """Confirm, or send a fresh link where this one is too late."""
    app = the_app()
    public_id = read_token(key_of(app.keyring), token)
    if public_id is None:
        return nothing()
    now, ip, agent = app.clock(), request.remote_addr or "", request.user_agent.string
    wants_link = request.form.get("action") == "again"
    try:
        if wants_link:
            the_writer().submit(lambda session: _send_again(session, public_id, now)).result(_PATIENCE)
            with app.db.read() as session:
                return _answer(confirming.question(session, public_id, now), is_sent=True)
        done = the_writer().submit(lambda session: confirming.confirm(app, session, public_id, now, ip=ip, agent=agent))
        return _answer(done.result(_PATIENCE), is_done=True)
    except (TooSlow, SQLAlchemyError, NotAllowed) as error:
        log.warning("A confirmation could not be written: %s", type(error).__name__)
        return later()


def _send_again(session: Session, public_id: str, now: datetime) -> None:
    row = confirming.sign_up_of(session, public_id)
    if row is not None:
        submitting.ask_again(session, row, now)
