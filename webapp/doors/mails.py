"""The doors that links in mails lead to: clicks, opens, unsubscribing, the mail in a browser.

Whoever knows a token holds the mail. A GET changes no consent, whatever fetches it.
"""

from __future__ import annotations

import base64
import logging
from concurrent.futures import TimeoutError as TooSlow
from pathlib import Path

from flask import Blueprint, Response, current_app, request, send_from_directory
from flask.blueprints import BlueprintSetupState
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from automation import engagement, unsubscribing
from automation.engagement import Hit
from automation.errors import CartwheelError, NotAllowed, TemplateBroken, TooOften
from automation.insights.hits import HIDDEN_LINK
from automation.models import Message, TemplateVersion
from automation.pace import Pace
from automation.rendering.again import again
from automation.rendering.links import is_target, key_of, read_token, target_of
from webapp.factory import the_app, the_writer
from webapp.headers import LONE_MAIL_CSP, RECIPIENT_CSP, private
from webapp.permissions import permission
from webapp.recipients import later, nothing, page

blueprint = Blueprint("mails", __name__)
log = logging.getLogger(__name__)

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HIT_PATIENCE = 0.5
"""Seconds that a shopper may wait for us to write a click down; it is written later then."""
_CONSENT_PATIENCE = 10.0
"""Seconds. Longer than this and whoever asked is told to ask again: unsubscribing is done when we say so."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    # Rendering costs a hundred times what a look-up does, and a link may be passed on.
    state.app.extensions["cartwheel.viewings"] = Pace(per_second=1, burst=20)


def _message_of(token: str) -> str | None:
    return read_token(key_of(the_app().keyring), token)


def _keep(hit: Hit, patience: float) -> None:
    """Write a hit down; whatever goes wrong with that is ours to read in the log, not the shopper's to see."""
    try:
        the_writer().submit(lambda session: engagement.note(session, hit)).result(patience)
    except TooSlow:
        pass
    except (SQLAlchemyError, CartwheelError) as error:
        log.warning("A %s on message %s was not kept: %s", hit.type, hit.public_id, type(error).__name__)


def _is_prefetch() -> bool:
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return "prefetch" in purpose.lower() or "prerender" in purpose.lower()


def _is_address(url: str | None) -> bool:
    return bool(url) and str(url).lower().startswith(("https://", "http://")) and str(url).isprintable()


@blueprint.get("/c/<token>/<int:number>")
@permission("public")
def click(token: str, number: int) -> Response:
    """Send a shopper on to where the link leads, and remember that they went."""
    app = the_app()
    public_id = _message_of(token)
    if public_id is None or number > 2**31 - 1:
        return nothing()
    if number == HIDDEN_LINK:
        if request.method == "GET":
            agent, ip = request.user_agent.string, request.remote_addr or ""
            _keep(Hit(public_id, "click", app.clock(), agent, ip, number), _HIT_PATIENCE)
        return nothing()
    signed = request.args.get("u")
    if signed is not None:
        url = signed if is_target(key_of(app.keyring), signed, request.args.get("s", "")) else None
    else:
        try:
            url = _static_target(public_id, number)
        except SQLAlchemyError as error:
            log.warning("A link's target could not be read: %s", type(error).__name__)
            return later()
    if url is None or not _is_address(url):
        return nothing()
    if request.method == "GET":
        agent, ip = request.user_agent.string, request.remote_addr or ""
        hit = Hit(public_id, "click", app.clock(), agent, ip, number, url, is_prefetch=_is_prefetch())
        _keep(hit, _HIT_PATIENCE)
    return private(Response(status=302, headers={"Location": url}), RECIPIENT_CSP)


def _static_target(public_id: str, number: int) -> str | None:
    with the_app().db.read() as session:
        stored = session.scalar(
            select(TemplateVersion.links)
            .join(Message, Message.template_version_id == TemplateVersion.id)
            .where(Message.public_id == public_id)
        )
    return target_of(stored or (), number)


@blueprint.get("/o/<token>.gif")
@permission("public")
def pixel(token: str) -> Response:
    """One transparent pixel, the same for every token; a known one's is remembered as an open."""
    app = the_app()
    public_id = _message_of(token)
    if public_id is not None and request.method == "GET":
        agent, ip = request.user_agent.string, request.remote_addr or ""
        _keep(Hit(public_id, "open", app.clock(), agent, ip, is_prefetch=_is_prefetch()), _HIT_PATIENCE)
    return private(Response(_PIXEL, mimetype="image/gif"), RECIPIENT_CSP)


@blueprint.get("/u/<token>")
@permission("public")
def ask(token: str) -> Response:
    """Show where the reader stands, and a button that changes it."""
    public_id = _message_of(token)
    if public_id is None:
        return nothing()
    try:
        with the_app().db.read() as session:
            reader = unsubscribing.reader_of(session, public_id)
    except SQLAlchemyError as error:
        log.warning("An unsubscribe page could not be read: %s", type(error).__name__)
        return later()
    return page("unsubscribe", reader=reader, wording=unsubscribing.WORDING) if reader else nothing()


@blueprint.post("/u/<token>")
@permission("public")
def leave_or_return(token: str) -> Response:
    """Withdraw consent: at one click of a mail program (RFC 8058) or by the page's button, which also gives it back."""
    public_id = _message_of(token)
    if public_id is None:
        return nothing()
    now = the_app().clock()
    ip, agent = request.remote_addr or "", request.user_agent.string
    form = _form()
    if form.get("action") == "return":
        done = the_writer().submit(lambda s: unsubscribing.come_back(s, public_id, now, ip=ip, agent=agent))
    else:
        # Whatever else came with it: who posts to this address wants out.
        way = "one click" if form.get("List-Unsubscribe") == "One-Click" else "unsubscribe page"
        done = the_writer().submit(lambda s: unsubscribing.withdraw(s, public_id, now, ip=ip, agent=agent, way=way))
    try:
        reader = done.result(_CONSENT_PATIENCE)
    except (TooSlow, SQLAlchemyError) as error:
        log.warning("An unsubscribe could not be written: %s", type(error).__name__)
        return later()
    return page("unsubscribe", reader=reader, wording=unsubscribing.WORDING, is_done=True) if reader else nothing()


def _form() -> dict[str, str]:
    try:
        return request.form.to_dict()
    except HTTPException:  # too large or cut off: no reason to keep somebody subscribed
        return {}


@blueprint.get("/v/<token>")
@permission("public")
def view(token: str) -> Response:
    """The mail as it was sent, for whose mail program does not show it well."""
    app = the_app()
    public_id = _message_of(token)
    if public_id is None:
        return nothing()
    try:
        current_app.extensions["cartwheel.viewings"].take(public_id)
        with app.db.read() as session:
            message_id = session.scalar(select(Message.id).where(Message.public_id == public_id))
            if message_id is None:
                return nothing()
            mail, _ = again(app, session, message_id)
    except TooOften:
        return later(429)
    except SQLAlchemyError as error:
        log.warning("A mail could not be read: %s", type(error).__name__)
        return later()
    except (NotAllowed, TemplateBroken) as error:
        log.warning("Message %s cannot be shown again: %s", public_id, error)
        return nothing()
    return private(Response(mail.html, mimetype="text/html"), LONE_MAIL_CSP)


@blueprint.get("/doors.css")
@permission("public")
def style() -> Response:
    """How these pages look."""
    return send_from_directory(Path(current_app.root_path) / "static", "doors.css", max_age=86400)
