"""Answers to those whom a mail's link led here: for them alone, without scripts, and telling nothing to strangers."""

from __future__ import annotations

from flask import Response, make_response, render_template

from webapp.headers import RECIPIENT_CSP, private

ADDRESSES = ("/c/", "/o/", "/u/", "/v/", "/y/", "/p/", "/f/", "/l/", "/r/", "/i/", "/j/")
"""What the paths of their pages begin with."""


def shown(html: str, status: int = 200) -> Response:
    """A page for one recipient."""
    return private(make_response(html, status), RECIPIENT_CSP)


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page from `templates/doors/`."""
    return shown(render_template(f"doors/{template}.html", **values), status)


def nothing(status: int = 404) -> Response:
    """The one answer to forged, cut and unknown links: it tells nothing about who gets mails."""
    return page("nothing", status)


def later(status: int = 503) -> Response:
    """Nothing was changed; ask again in a minute."""
    answer = page("later", status)
    answer.headers["Retry-After"] = "60"
    return answer
