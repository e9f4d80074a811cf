from __future__ import annotations

from flask import Flask

from webapp import headers


def made(*, secure: bool) -> Flask:
    flask = Flask(__name__, static_folder=None)
    headers.init_headers(flask, secure=secure)
    flask.add_url_rule("/page", "page", lambda: "<p>Hello</p>")
    flask.add_url_rule("/json", "json", lambda: {"a": 1})
    flask.add_url_rule("/own", "own", lambda: ("x", {"Content-Security-Policy": "sandbox", "Cache-Control": "public"}))
    return flask


def test_a_page_may_load_nothing_inline_and_nothing_from_elsewhere_but_pictures() -> None:
    answer = made(secure=False).test_client().get("/page")
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_what_is_no_page_may_do_nothing() -> None:
    answer = made(secure=False).test_client().get("/json")
    assert answer.headers["Content-Security-Policy"] == headers.NOTHING_CSP


def test_what_a_view_says_stays() -> None:
    answer = made(secure=False).test_client().get("/own")
    assert (answer.headers["Content-Security-Policy"], answer.headers["Cache-Control"]) == ("sandbox", "public")


def test_browsers_stay_with_https_only_where_it_is_there() -> None:
    assert "Strict-Transport-Security" in made(secure=True).test_client().get("/page").headers
    assert "Strict-Transport-Security" not in made(secure=False).test_client().get("/page").headers


def test_no_policy_lets_a_mail_run_scripts() -> None:
    for policy in (headers.MAIL_CSP, headers.LONE_MAIL_CSP):
        assert "script-src 'none'" in policy
        assert "allow-scripts" not in policy
    assert "allow-same-origin" not in headers.LONE_MAIL_CSP
