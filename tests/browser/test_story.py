"""The newcomer's first ten minutes, in a real browser: log in, publish, turn the clock, read the mail, unsubscribe."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select
from waitress.server import create_server

from automation.app import App, build
from automation.demo import opening, shop
from automation.demo.play import Play
from automation.models import Campaign, Cart, ConsentState, Customer, InboundWebhook, Message, Record
from automation.settings import Settings
from tests.browser.looks import assert_is_sound
from webapp import assets
from webapp.factory import create_app

pytestmark = pytest.mark.browser


@dataclass
class Demo:
    """A small demo shop that is being served; its worker goes when the test says so."""

    app: App
    play: Play
    url: str


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo shop of forty customers, with the web process's server and a worker that the test turns."""
    assets.build()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = build(Settings(data=tmp_path, port=port, demo=True, secret_key="a key for tests only, long enough"))
    Record.metadata.create_all(app.db.engine)
    shop.load(app, app.clock(), lambda _done, _words: None, customers=40)
    flask = create_app(app)
    server = create_server(flask, sockets=[listener], threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    play = Play(app, threading.Event())
    yield Demo(app, play, f"http://127.0.0.1:{port}")
    play.close()
    server.close()
    server.task_dispatcher.shutdown(timeout=2)
    thread.join(timeout=5)
    for name in ("cartwheel.reception", "cartwheel.writer"):
        flask.extensions[name].close()
    app.close()


def _count(app: App, what: type[Record], *where: object) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).select_from(what).where(*where)) or 0  # type: ignore[arg-type]  # conditions of that table


def _visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert_is_sound(page)


def test_a_newcomer_publishes_watches_a_cart_being_left_reads_the_mail_and_unsubscribes(
    demo: Demo, chromium: Browser
) -> None:
    app = demo.app
    context = chromium.new_context(viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(opening.fresh_link(app))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{demo.url}/")
    for path in ("/", "/campaigns/", "/customers/", "/mailbox/", "/connections/", "/settings/", "/account"):
        _visit(page, demo.url + path)

    # Publish a second cart reminder from the gallery.
    _visit(page, f"{demo.url}/campaigns/new")
    page.get_by_role("button", name=re.compile("Use this recipe.*Cart reminder")).click()
    page.get_by_role("button", name="Publish").first.click()
    page.locator("#publish").get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    assert_is_sound(page)
    assert _count(app, Campaign, Campaign.state == "live") == 3

    # The storefront's shoppers come and go while the clock is turned by a day.
    carts = _count(app, Cart)
    page.goto(demo.url)
    page.get_by_role("button", name="clock", exact=False).first.click()
    page.get_by_role("button", name="1 day", exact=False).first.click()
    expect(page.locator("#demo-clock").get_by_role("status")).to_contain_text("turning")
    demo.play.fast_forward()
    assert _count(app, Cart) > carts
    assert _count(app, InboundWebhook, InboundWebhook.state == "processed") > 0
    assert _count(app, InboundWebhook, InboundWebhook.state == "failed") == 0

    # A reminder is in the mailbox, as it was sent.
    _visit(page, f"{demo.url}/mailbox/?q=Cart+reminder")
    page.locator("main a[href^='/mailbox/']").first.click()
    expect(page.get_by_text("Byte for byte as it was sent")).to_be_visible()
    mail = page.frame_locator("iframe")
    leave = mail.get_by_role("link", name="Unsubscribe").first
    expect(leave).to_be_visible()
    assert_is_sound(page)
    public_id = page.url.split("/mailbox/")[1].split("?")[0]
    with app.db.read() as session:
        message = session.scalars(select(Message).where(Message.public_id == public_id)).one()
        customer = session.get_one(Customer, message.customer_id)

    # The recipient opens the link: looking changes nothing, the button does.
    address = leave.get_attribute("href")
    assert address is not None
    reader = chromium.new_context(viewport={"width": 390, "height": 800}).new_page()
    reader.goto(address)
    with app.db.read() as session:
        assert session.get_one(ConsentState, (customer.id, "marketing")).status == "granted"
    reader.get_by_role("button", name="Unsubscribe").click()
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    with app.db.read() as session:
        assert session.get_one(ConsentState, (customer.id, "marketing")).status == "withdrawn"

    # The customer's page says so, and so does the next decision.
    _visit(page, f"{demo.url}/customers/{customer.public_id}")
    expect(page.get_by_text("Unsubscribed", exact=False).first).to_be_visible()
