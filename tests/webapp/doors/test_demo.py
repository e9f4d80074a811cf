from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from automation.app import App
from automation.demo import shop
from automation.demo.history import product_id
from automation.models import Cart, Order, Product
from automation.stages.listen import listen
from tests.conftest import NOW
from tests.pages import open_pages


def client_of(app: App) -> Iterator[FlaskClient]:
    flask = open_pages(app)
    yield flask.test_client()
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


@pytest.fixture
def demo(app: App, monkeypatch: pytest.MonkeyPatch) -> App:
    """A demo with a slice of its shop; its campaigns are not needed here."""
    demo = replace(app, settings=app.settings.model_copy(update={"demo": True}))
    monkeypatch.delitem(shop.PARTS, "campaigns")
    shop.load(demo, NOW, lambda _done, _words: None, customers=30)
    return demo


@pytest.fixture
def visitor(demo: App) -> Iterator[FlaskClient]:
    yield from client_of(demo)


def a_cart(app: App) -> str:
    with app.db.read() as session:
        return session.scalars(select(Cart.external_id).order_by(Cart.id)).first() or ""


def test_the_window_shows_products_with_their_pictures(visitor: FlaskClient) -> None:
    page = visitor.get("/demo/")
    assert page.status_code == 200
    assert "Wren &amp; Thistle" in page.text
    assert page.text.count("/demo/pictures/") > 10
    assert "CC BY 4.0" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_product_has_a_page_and_a_picture_that_runs_nothing(demo: App, visitor: FlaskClient) -> None:
    with demo.db.read() as session:
        product = session.scalars(select(Product).order_by(Product.id)).first()
    assert product is not None
    path = product.url.removeprefix("https://mail.example.com")
    assert product.title.split()[0] in visitor.get(path).text
    picture = visitor.get(product.image_url.removeprefix("https://mail.example.com"))
    assert picture.mimetype == "image/svg+xml"
    assert picture.text.startswith("<svg")
    assert "default-src 'none'" in picture.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/demo/pictures/nothing.svg", "/demo/pictures/%F0%9F%90%A6.svg", "/demo/products/x-1", "/demo/carts/none"]
)
def test_what_there_is_not_is_not_found(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_a_cart_from_a_mail_can_be_bought_and_the_shop_tells_us(demo: App, visitor: FlaskClient) -> None:
    token = a_cart(demo)
    page = visitor.get(f"/demo/carts/{token}")
    assert "Buy it" in page.text
    answer = visitor.post(f"/demo/carts/{token}/buy")
    assert answer.status_code == 303
    assert "Thank you" in visitor.get(answer.headers["Location"]).text
    assert listen(demo, NOW, 100) == 1
    with demo.db.read() as session:
        cart = session.scalars(select(Cart).where(Cart.external_id == token)).one()
        order = session.scalars(select(Order).where(Order.cart_external_id == token)).one()
        assert cart.ordered_at is not None
        assert (order.customer_id, order.total) == (cart.customer_id, cart.total)
    assert "was ordered" in visitor.get(f"/demo/carts/{token}").text


def test_looking_at_a_cart_buys_nothing(demo: App, visitor: FlaskClient) -> None:
    token = a_cart(demo)
    for path in (f"/demo/carts/{token}", f"/demo/carts/{token}/thanks"):
        assert visitor.get(path).status_code == 200
    assert visitor.get(f"/demo/carts/{token}/buy").status_code == 405
    assert listen(demo, NOW, 100) == 0


def test_bought_twice_is_bought_once(demo: App, visitor: FlaskClient) -> None:
    token = a_cart(demo)
    for _ in range(2):
        visitor.post(f"/demo/carts/{token}/buy")
        listen(demo, NOW, 100)
    with demo.db.read() as session:
        assert len(session.scalars(select(Order).where(Order.cart_external_id == token)).all()) == 1


def test_outside_the_demo_there_is_no_shop(app: App) -> None:
    for visitor in client_of(app):
        assert visitor.get("/demo/").status_code == 404
        assert visitor.post("/demo/carts/x/buy").status_code == 404


def test_stock_codes_and_ids_go_one_to_one() -> None:
    codes = ["85123A", "85123B", "22423", "15056BL"]
    assert len({product_id(code) for code in codes}) == len(codes)
