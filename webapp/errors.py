"""Pages that say why something cannot be shown or done."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, flash, jsonify, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from automation.errors import NotAllowed
from webapp.recipients import ADDRESSES, nothing

_WORDS = {
    400: ("This cannot be read", "The request is not what this page expects. Nothing was changed."),
    403: ("This is not for your role", "Ask an owner of this installation to do it, or to give you the role."),
    404: ("There is nothing here", "The address may be mistyped, or what it named is gone."),
    405: ("This is not how to ask", "The page does not take this kind of request."),
    413: ("This is too large", "The most that can be sent at once is 8 MB."),
    429: ("Too many tries", "Wait a few minutes, then try again."),
    500: ("Something broke", "It is in the log. Nothing that was already saved is lost."),
}


def show(status: int, title: str, text: str) -> tuple[str, int]:
    """An error's page, or only its words where a fragment was asked for."""
    if request.headers.get("HX-Request"):
        return render_template("errors/fragment.html", title=title, text=text), status
    return render_template("errors/page.html", status=status, title=title, text=text), status


def init_errors(flask: Flask, doors: frozenset[str]) -> None:
    """Show errors as pages, except to machines: the blueprints in `doors` answer JSON."""

    @flask.errorhandler(HTTPException)
    def _http(error: HTTPException) -> AnyResponse:
        if error.response is not None:
            return make_response(error.response)
        status = error.code or 500
        # Where no route fits there is no blueprint either; programs still want no page.
        if request.blueprint in doors or request.path.startswith(("/hooks/", "/api/")):
            return make_response(jsonify(error=error.description or error.name), status)
        if request.path.startswith(ADDRESSES):
            # A link in a mail that was cut off or grew a bracket: its reader is no admin.
            return nothing(status)
        title, text = _WORDS.get(status, (error.name, error.description or ""))
        return make_response(show(status, title, text))

    @flask.errorhandler(NotAllowed)
    def _not_allowed(error: NotAllowed) -> AnyResponse | tuple[Response, int]:
        if request.blueprint in doors:
            return jsonify(error=str(error)), 409
        if request.headers.get("HX-Request"):
            return make_response(show(409, "This is not possible now", str(error)))
        flash(str(error), "danger")
        return redirect(came_from())


def came_from(otherwise: str = "/") -> str:
    """The path of the page that a form was sent from, on this site."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc and parts.netloc == request.host and parts.path.startswith("/") and not parts.path.startswith("//"):
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return otherwise
