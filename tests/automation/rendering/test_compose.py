from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from automation.actions.templates import install
from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.models import Cart, CartItem, Customer, Message, Rendering, Store, Template, Variant
from automation.provider import Mail
from automation.rendering.again import again
from automation.rendering.compose import Composed, compose, payload_hash
from automation.rendering.context import load
from automation.rendering.links import key_of, read_token
from automation.security import random_id
from tests import make
from tests.conftest import NOW


def message(session: Session, template: Template, customer: Customer, cart: Cart | None = None, **more: Any) -> Message:
    assert template.latest_version_id is not None
    row = Message(
        **{
            "public_id": random_id(),
            "store_id": customer.store_id,
            "customer_id": customer.id,
            "template_version_id": template.latest_version_id,
            "mail_class": "reminder",
            "rank": 1,
            "topic": "marketing",
            **(make.about(session, customer, "cart_abandoned", cart.id, key=cart.external_id) if cart else {}),
            "state": "claimed",
            "due_at": NOW,
            "created_at": NOW,
            **more,
        }
    )
    session.add(row)
    session.flush()
    return row


class Shop:
    """A store with the built-in mails, two products and Ada's cart of both."""

    def __init__(self, app: App, session: Session, **values: Any) -> None:
        self.store = make.store(session, **values)
        self.templates = install(app, session, self.store, NOW)
        self.products = tuple(make.product(session, self.store, f"p{i}") for i in (1, 2))
        self.ada = make.customer(session, self.store, "Ada")
        self.cart = make.cart(session, self.store, self.ada, NOW - timedelta(hours=1), products=self.products)


def composed(app: App, messages: list[Message]) -> list[Composed | TemplateBroken]:
    with app.db.read() as session:
        variables = load(app, session, messages, NOW)
    return compose(app, messages, variables)


def mail_of(found: Composed | TemplateBroken) -> Mail:
    assert isinstance(found, Composed), found
    return found.mail


@contextmanager
def statements(app: App) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(app.db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(app.db.engine, "before_cursor_execute", note)


def test_a_cart_reminder_shows_the_cart_as_the_products_are_now(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        shop.products[0].title = "Renamed teacup"
        shop.products[1].stock = 0
        row = message(session, shop.templates["cart_reminder_1"], shop.ada, shop.cart)
    mail = mail_of(composed(app, [row])[0])
    assert mail.subject == "Ada, your Renamed teacup is still here"
    for part in (mail.html, mail.text):
        assert "Renamed teacup" in part
        assert "€25.90" in part
        assert "Sold out just now" in part
    assert (mail.to_email, mail.to_name, mail.from_email) == ("ada@example.com", "Ada", "hello@wren.example.com")
    assert mail.message_id == row.public_id


def test_a_variant_shows_its_own_picture_and_stock(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        product = shop.products[0]
        session.add(
            Variant(
                product_id=product.id,
                external_id="v1",
                title="Blue",
                image_url="https://wren.example.com/blue.png",
                price=1,
                stock=0,
            )
        )
        cart = make.cart(session, shop.store, shop.ada, NOW, "c2", products=(product,))
        line = session.get_one(CartItem, (cart.id, 0))
        line.variant_external_id = "v1"
        row = message(session, shop.templates["cart_reminder_1"], shop.ada, cart)
    with app.db.read() as session:
        (item,) = load(app, session, [row], NOW)[row.id]["values"]["cart"]["items"]
    assert (item["variant"], item["image_url"], item["is_available"]) == (
        "Blue",
        "https://wren.example.com/blue.png",
        False,
    )


def test_every_link_of_a_mail_carries_its_own_messages_token(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        row = message(session, shop.templates["cart_reminder_1"], shop.ada, shop.cart)
    mail = mail_of(composed(app, [row])[0])
    unsubscribe = mail.headers["List-Unsubscribe"].strip("<>")
    assert unsubscribe.startswith("https://mail.example.com/u/")
    token = unsubscribe.rpartition("/")[2]
    assert read_token(key_of(app.keyring), token) == row.public_id
    assert unsubscribe in mail.html
    assert unsubscribe in mail.text
    assert f"https://mail.example.com/o/{token}.gif" in mail.html
    assert f"https://mail.example.com/c/{token}/" in mail.html


def test_one_click_unsubscribing_is_offered_except_on_transactional_mails(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        rows = [
            message(session, shop.templates["welcome"], shop.ada, mail_class=mail_class)
            for mail_class in ("promotional", "transactional")
        ]
    one, other = (mail_of(found).headers for found in composed(app, rows))
    assert one["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert one["List-ID"] == f"<marketing.{shop.store.public_id}.wren.example.com>"
    assert one["Feedback-ID"].count(":") == 3
    assert not [name for name in other if name.startswith("List-")]


def test_names_cannot_break_out_of_a_header(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session, sender_name="Wren\r\nBcc: x@example.com")
        shop.ada.first_name = "Ada\r\nBcc: y@example.com"
        row = message(session, shop.templates["newsletter"], shop.ada)
    mail = mail_of(composed(app, [row])[0])
    assert mail.from_name == "Wren Bcc: x@example.com"
    assert mail.to_name == "Ada Bcc: y@example.com"


def test_a_line_break_in_a_subject_parks_that_message_alone(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        eve = make.customer(session, shop.store, "Eve", first_name="Eve\nBcc: x@example.com")
        cart = make.cart(session, shop.store, eve, NOW, "c2", products=shop.products)
        template = shop.templates["cart_reminder_1"]
        rows = [message(session, template, eve, cart), message(session, template, shop.ada, shop.cart)]
    bad, good = composed(app, rows)
    assert isinstance(bad, TemplateBroken)
    assert isinstance(good, Composed)


def test_a_customer_without_an_address_gets_no_mail(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        shop.ada.email = None
        row = message(session, shop.templates["welcome"], shop.ada)
    assert isinstance(composed(app, [row])[0], TemplateBroken)


def test_nobody_is_shown_anothers_cart(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        eve = make.customer(session, shop.store, "Eve")
        row = message(session, shop.templates["cart_reminder_1"], eve, shop.cart)
    with app.db.read() as session:
        assert load(app, session, [row], NOW)[row.id]["values"]["cart"]["items"] == []


def test_only_what_the_template_names_is_loaded_and_stored(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        rows = [message(session, shop.templates[n], shop.ada, shop.cart) for n in ("newsletter", "cart_reminder_1")]
    with app.db.read() as session:
        found = load(app, session, rows, NOW)
    assert set(found[rows[0].id]["values"]) == {"customer", "products", "store"}
    assert set(found[rows[1].id]["values"]) == {"customer", "cart", "store"}


def test_a_batch_costs_the_same_statements_whatever_its_size(app: App) -> None:
    counts = []
    with app.db.write() as session:
        shop = Shop(app, session)
        rows = []
        for number in range(30):
            customer = make.customer(session, shop.store, f"C{number}")
            cart = make.cart(session, shop.store, customer, NOW, f"x{number}", products=shop.products)
            name = ("cart_reminder_1", "newsletter", "welcome")[number % 3]
            rows.append(message(session, shop.templates[name], customer, cart))
    for size in (3, 30):
        with statements(app) as seen, app.db.read() as session:
            load(app, session, rows[:size], NOW)
        counts.append(len([s for s in seen if s.lstrip().upper().startswith("SELECT")]))
        app.renderer.versions, app.renderer.guises = {}, {}
    assert counts[0] == counts[1] <= 10


def test_newsletters_show_new_products_that_can_be_had(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(app, session)
        kinds: list[dict[str, Any]] = [
            {"stock": 0},
            {"image_url": ""},
            {"state": "draft"},
            {"stock": None, "title": "Endless"},
        ]
        for number, values in enumerate(kinds):
            make.product(session, shop.store, f"n{number}", created_at=NOW, **values)
        other = make.store(session, name="Other")
        make.product(session, other, "o1", title="Not ours", created_at=NOW)
        row = message(session, shop.templates["newsletter"], shop.ada)
    with app.db.read() as session:
        picks = load(app, session, [row], NOW)[row.id]["values"]["products"]
    assert [p["title"] for p in picks] == ["Endless", "Teacup p2", "Teacup p1"]


@pytest.fixture
def sent(app: App) -> tuple[Message, Mail]:
    """A mail that was rendered and stored as the deliver stage does it."""
    with app.db.write() as session:
        shop = Shop(app, session)
        row = message(session, shop.templates["cart_reminder_1"], shop.ada, shop.cart)
        session.flush()
    with app.db.read() as session:
        variables = load(app, session, [row], NOW)
    (found,) = compose(app, [row], variables)
    assert isinstance(found, Composed)
    with app.db.write() as session:
        session.add(
            Rendering(
                message_id=row.id,
                to_email=found.mail.to_email,
                variables=variables[row.id],
                payload_hash=found.payload_hash,
                rendered_at=NOW,
            )
        )
    return row, found.mail


def test_a_sent_mail_can_be_shown_again_byte_for_byte(app: App, sent: tuple[Message, Mail]) -> None:
    row, mail = sent
    with app.db.write() as session:
        session.scalars(select(Store)).one().name = "Another name"
        session.get_one(Customer, row.customer_id).first_name = "Eve"
        session.get_one(Cart, row.subject_id).total = 1
    app.renderer.versions, app.renderer.guises = {}, {}
    with app.db.read() as session:
        assert again(app, session, row.id) == (mail, True)


def test_a_mail_whose_variables_were_changed_is_known_to_be_another(app: App, sent: tuple[Message, Mail]) -> None:
    row, mail = sent
    with app.db.write() as session:
        rendering = session.get_one(Rendering, row.id)
        values = {**rendering.variables["values"], "customer": {"first_name": "Eve"}}
        rendering.variables = {**rendering.variables, "values": values}
    with app.db.read() as session:
        shown, is_same = again(app, session, row.id)
    assert not is_same
    assert shown.subject != mail.subject


def test_what_was_never_rendered_or_is_erased_cannot_be_shown(app: App, sent: tuple[Message, Mail]) -> None:
    row, _ = sent
    with app.db.write() as session:
        session.get_one(Rendering, row.id).variables = {}
    with app.db.read() as session:
        for message_id in (row.id, 0):
            with pytest.raises(NotAllowed):
                again(app, session, message_id)


def test_the_hash_covers_everything_that_is_sent(sent: tuple[Message, Mail]) -> None:
    _, mail = sent
    fields = {name: getattr(mail, name) for name in mail.__slots__ if name != "dated_at"}
    hashes = {payload_hash(mail)}
    for name, value in fields.items():
        changed = {**value, "X-More": "1"} if isinstance(value, dict) else value + "x"
        hashes.add(payload_hash(Mail(**{**fields, name: changed})))
    assert len(hashes) == len(fields) + 1


def test_the_childs_hash_is_the_same_as_ours(app: App, sent: tuple[Message, Mail]) -> None:
    row, mail = sent
    with app.db.read() as session:
        assert session.get_one(Rendering, row.id).payload_hash == payload_hash(mail)
