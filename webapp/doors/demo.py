"""The demo shop's own pages: its window, its products' pictures, and the cart that a reminder leads back to.

Only there in demo mode. Whoever knows a cart's token holds the mail or the shop's cookie.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, redirect, render_template, send_from_directory, url_for
from werkzeug.wrappers import Response as Answer

from automation.demo import pictures, purchases
from automation.errors import NotAllowed
from webapp.factory import the_app
from webapp.permissions import permission

blueprint = Blueprint("demo_shop", __name__, url_prefix="/demo")

_PICTURE_CSP = "default-src 'none'; frame-ancestors 'none'"


@blueprint.before_request
def _only_in_the_demo() -> None:
    if not the_app().settings.demo:
        abort(404)


@blueprint.get("/")
@permission("public")
def window() -> str:
    """The shop window."""
    with the_app().db.read() as session:
        try:
            store, products = purchases.shop_window(session)
        except NotAllowed:
            abort(404)
    return render_template("demo/window.html", store=store, products=products)


@blueprint.get("/shop.css")
@permission("public")
def style() -> Response:
    """The shop's style sheet."""
    return send_from_directory(Path(current_app.root_path) / "static", "demo.css", max_age=3600)


@blueprint.get("/pictures/<code>.svg")
@permission("public")
def picture(code: str) -> Response:
    """A product's picture."""
    with the_app().db.read() as session:
        product = purchases.product_of(session, code)
    if product is None:
        abort(404)
    answer = Response(pictures.draw(product.title, product.category, code.upper()), mimetype="image/svg+xml")
    answer.headers["Content-Security-Policy"] = _PICTURE_CSP
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


@blueprint.get("/products/<code>")
@permission("public")
def product(code: str) -> str:
    """One product."""
    with the_app().db.read() as session:
        store, _ = purchases.shop_window(session)
        found = purchases.product_of(session, code)
    if found is None:
        abort(404)
    return render_template("demo/product.html", store=store, product=found)


@blueprint.get("/carts/<token>")
@permission("public")
def cart(token: str) -> str:
    """A cart, as its owner left it."""
    with the_app().db.read() as session:
        store, _ = purchases.shop_window(session)
        basket = purchases.basket_of(session, token)
    if basket is None:
        abort(404)
    return render_template("demo/cart.html", store=store, basket=basket, token=token)


@blueprint.post("/carts/<token>/buy")
@permission("public")
def buy(token: str) -> Answer:
    """Order the cart; the shop then tells us by webhook."""
    app = the_app()
    # Pressed twice, or gone meanwhile: then there is nothing left to do.
    with suppress(NotAllowed):
        purchases.buy(app, token, app.clock())
    return redirect(url_for("demo_shop.bought", token=token), 303)


@blueprint.get("/carts/<token>/thanks")
@permission("public")
def bought(token: str) -> str:
    """After buying."""
    with the_app().db.read() as session:
        store, _ = purchases.shop_window(session)
    return render_template("demo/thanks.html", store=store, token=token)
