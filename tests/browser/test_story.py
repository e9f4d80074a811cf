"""The newcomer's first ten minutes, in a real browser: log in, publish, turn the clock, read the mail, unsubscribe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from automation.app import App
from automation.demo import opening
from automation.models import Campaign, Cart, ConsentState, Customer, InboundWebhook, Message, Record
from tests.browser.demo import Demo, served
from tests.browser.looks import assert_is_sound

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo shop of forty customers."""
    with served(tmp_path, customers=40) as found:
        yield found


def _count(app: App, what: type[Record], *where: object) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).select_from(what).where(*where)) or 0  # type: ignore[arg-type]  # conditions of that table


def _visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert_is_sound(page)


def _log_in(demo: Demo, page: Page) -> None:
    page.goto(opening.fresh_link(demo.app))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{demo.url}/")


def _publish_a_reminder(demo: Demo, page: Page) -> None:
    _visit(page, f"{demo.url}/campaigns/new")
    page.get_by_role("button", name=re.compile("Use this recipe.*Cart reminder")).click()
    page.get_by_role("button", name="Publish").first.click()
    page.locator("#publish").get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    assert_is_sound(page)


def _let_a_day_pass(demo: Demo, page: Page) -> None:
    page.goto(demo.url)
    page.get_by_role("button", name="clock", exact=False).first.click()
    page.get_by_role("button", name="1 day", exact=False).first.click()
    expect(page.locator("#demo-clock").get_by_role("status")).to_contain_text("turning")
    demo.play.fast_forward()


def _read_a_reminder(demo: Demo, page: Page) -> tuple[Customer, str]:
    """Open the newest reminder in the mailbox; whom it went to, and where its unsubscribe link leads."""
    _visit(page, f"{demo.url}/mailbox/?q=Cart+reminder")
    page.locator("main a[href^='/mailbox/']").first.click()
    expect(page.get_by_text("Byte for byte as it was sent")).to_be_visible()
    leave = page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").first
    expect(leave).to_be_visible()
    assert_is_sound(page)
    address = leave.get_attribute("href")
    assert address is not None
    public_id = page.url.split("/mailbox/")[1].split("?")[0]
    with demo.app.db.read() as session:
        message = session.scalars(select(Message).where(Message.public_id == public_id)).one()
        return session.get_one(Customer, message.customer_id), address


def _consent(app: App, customer: Customer) -> str:
    with app.db.read() as session:
        return session.get_one(ConsentState, (customer.id, "marketing")).status


def test_a_newcomer_publishes_watches_a_cart_being_left_reads_the_mail_and_unsubscribes(
    demo: Demo, chromium: Browser
) -> None:
    app = demo.app
    page = chromium.new_context(viewport={"width": 1360, "height": 900}, reduced_motion="reduce").new_page()
    _log_in(demo, page)
    for path in ("/", "/campaigns/", "/customers/", "/mailbox/", "/connections/", "/settings/", "/account"):
        _visit(page, demo.url + path)
    already = _count(app, Campaign, Campaign.state == "live")
    _publish_a_reminder(demo, page)
    assert _count(app, Campaign, Campaign.state == "live") == already + 1

    carts = _count(app, Cart)
    _let_a_day_pass(demo, page)
    assert _count(app, Cart) > carts
    assert _count(app, InboundWebhook, InboundWebhook.state == "processed") > 0
    assert _count(app, InboundWebhook, InboundWebhook.state == "failed") == 0

    customer, address = _read_a_reminder(demo, page)
    reader = chromium.new_context(viewport={"width": 390, "height": 800}).new_page()
    reader.goto(address)
    assert _consent(app, customer) == "granted"
    reader.get_by_role("button", name="Unsubscribe").click()
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert _consent(app, customer) == "withdrawn"
    _visit(page, f"{demo.url}/customers/{customer.public_id}")
    expect(page.get_by_text("Unsubscribed", exact=False).first).to_be_visible()
