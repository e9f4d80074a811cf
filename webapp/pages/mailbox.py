"""The mailbox: every mail that left, and each of them exactly as it was."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, make_response, render_template, request
from markupsafe import escape
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.provider import Mail
from automation.reasons import reason
from automation.rendering.again import again
from automation.rendering.links import addresses, key_of, token
from webapp.factory import the_app
from webapp.headers import MAIL_CSP
from webapp.moments import tell_leg
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission
from webapp.queries import mailbox as queries
from webapp.queries.mailbox import MailDetail
from webapp.queries.paging import mark
from webapp.subjects import subjects

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

VIEWS = {"desktop": "Desktop", "phone": "Phone", "text": "Plain text", "headers": "Headers"}
"""Ways to look at a mail."""

_BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
_TARGET = re.compile(r'\starget="_(?:self|top|parent)"')


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The list, newest first; a fragment of it is fetched again and again, so that new mails appear."""
    app, store = the_app(), the_store()
    text = request.args.get("q", "").strip()[:200]
    after = mark(request.args.get("after"))
    with app.db.read() as session:
        page = queries.mails(session, store.id, text, after)
    name = "list" if is_fragment() else "index"
    return render_template(
        f"mailbox/{name}.html", page=page, q=text, subjects=subjects(app, page.rows), is_first=after is None
    )


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One mail: as it was sent, and its journey."""
    app = the_app()
    view = request.args.get("view", "desktop")
    with app.db.read() as session:
        mail = _found(session, public_id)
        legs = queries.journey(session, mail)
        sent, is_same, problem = _again(app, session, mail)
    name = "view" if is_fragment() else "one"
    return render_template(
        f"mailbox/{name}.html",
        mail=mail,
        sent=sent,
        headers=_headers(sent) if sent else [],
        is_same=is_same,
        problem=problem,
        view=view if view in VIEWS else "desktop",
        views=VIEWS,
        journey=[tell_leg(leg, mail) for leg in legs],
        why=reason(mail.reason) if mail.reason else "",
    )


@blueprint.get("/<public_id>/body")
@permission("view")
def body(public_id: str) -> Response:
    """The mail's HTML by itself, under a policy of its own, for the frame that shows it."""
    app = the_app()
    with app.db.read() as session:
        mail = _found(session, public_id)
        sent, _, problem = _again(app, session, mail)
    if sent is None:
        abort(404, problem)
    response = make_response(_harmless(app, mail, sent.html))
    response.headers["Content-Security-Policy"] = MAIL_CSP
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _harmless(app: App, mail: MailDetail, html: str) -> str:
    """The same to look at, but an admin who looks counts as no open, and one who clicks as no click.

    Links ask for a new window, which the frame's sandbox does not allow.
    """
    pixel = addresses(mail.base_url, token(key_of(app.keyring), mail.public_id)).pixel
    for written in (pixel, str(escape(pixel))):
        html = html.replace(written, _BLANK)
    return _TARGET.sub("", html).replace("<head>", '<head><base target="_blank">', 1)


def _found(session: Session, public_id: str) -> MailDetail:
    return queries.one(session, the_store().id, public_id) or abort(404)


def _again(app: App, session: Session, mail: MailDetail) -> tuple[Mail | None, bool, str]:
    """The mail once more, whether it is the same, and why it cannot be shown."""
    try:
        sent, is_same = again(app, session, mail.id)
    except (NotAllowed, TemplateBroken) as error:
        return None, False, str(error)
    return sent, is_same, ""


def _headers(sent: Mail) -> list[tuple[str, str]]:
    def person(name: str, email: str) -> str:
        return f"{name} <{email}>" if name else email

    known: list[tuple[str, str]] = [
        ("From", person(sent.from_name, sent.from_email)),
        ("To", person(sent.to_name, sent.to_email)),
        ("Reply-To", sent.reply_to),
        ("Subject", sent.subject),
    ]
    extra: Any = sorted(sent.headers.items())
    return [(name, value) for name, value in (*known, *extra) if value]
