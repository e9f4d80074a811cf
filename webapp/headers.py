"""What every answer tells the browser it must not do."""

from __future__ import annotations

from flask import Flask, Response, request

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""The admin pages' policy: nothing inline, nothing from elsewhere but pictures."""

RECIPIENT_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The policy of pages that recipients of mails see: no scripts at all."""

FORM_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""The policy of a sign-up form, which a shop's pages may hold in a frame: the shop's origins follow."""

MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; font-src https:; script-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin allow-popups "
    "allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
"""The policy of a mail's own HTML inside the admin pages' frames: inline styles, as mails have them, never a script."""

LONE_MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; font-src https:; script-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""The same in a tab of its own. The sandbox gives it an origin that is nobody's."""

NOTHING_CSP = "default-src 'none'; frame-ancestors 'none'"
"""The policy of what is no page: JSON, pictures, redirects."""


def private(response: Response, policy: str) -> Response:
    """Mark an answer that is for one recipient: kept nowhere, found by no search, its address told to nobody."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def init_headers(flask: Flask, *, secure: bool) -> None:
    """Add the headers to every answer; what a view has set stays.

    `secure` says that the public address is https: then browsers are told to use nothing else for a year.
    """

    @flask.after_request
    def _add(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CSP if response.mimetype == "text/html" else NOTHING_CSP)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        return response
