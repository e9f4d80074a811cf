"""Shoppers' browsers: a shop of another origin with the snippet in it, and the pages that people sign up by."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect
from sqlalchemy import select

from automation import storefront
from automation.actions import forms
from automation.models import Admin, ConsentState, Customer, Event, Form, Message, SignUp, Store, Visitor
from automation.rendering import links
from automation.signup.definition import FormDefinition, fresh
from automation.signup.submitting import MAIL
from automation.storefront import Storefront
from tests import make
from tests.browser.conftest import WIDTHS, Live
from tests.browser.looks import AXE, assert_is_sound

pytestmark = pytest.mark.browser

OTHERS = [("phone", "dark"), ("desktop", "dark")] if os.environ.get("CARTWHEEL_EVERY_LOOK") else []
"""With CARTWHEEL_EVERY_LOOK the same pages in the dark, too."""
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
_KEPT = "JSON.stringify([localStorage.length, sessionStorage.length, document.cookie])"


@dataclass
class Shop:
    """A storefront of somebody else's, with a strict policy, that has the snippet on every page."""

    live: Live
    url: str
    pages: dict[str, str]
    form_id: str

    def rows(self, model: type[Any]) -> list[Any]:
        with self.live.app.db.read() as session:
            found = list(session.scalars(select(model)))
            session.expunge_all()
        return found

    def change(self, **values: Any) -> None:
        with self.live.app.db.write() as session:
            row = session.query(Form).one()
            definition = FormDefinition.model_validate({**fresh("en").model_dump(), **values})
            forms.save(self.live.app, session, row, "", definition, self.live.app.clock(), 1)

    def link(self, letter: str) -> str:
        public_id = self.rows(Message)[-1].public_id
        return f"{self.live.url}/{letter}/{links.token(links.key_of(self.live.app.keyring), public_id)}"


@pytest.fixture
def shop(live: Live) -> Iterator[Shop]:
    pages: dict[str, str] = {}
    policy = f"default-src 'none'; script-src {live.url}; connect-src {live.url}; frame-src {live.url}; img-src data:"

    class Window(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path.partition("?")[0])
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Window)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with live.app.db.write() as session:
        store = session.get_one(Store, live.store.id)
        make.edited_template(session, store, MAIL)
        now, admin = live.app.clock(), session.query(Admin).one()
        storefront.save(session, store.id, Storefront(origins=url), now)
        make.product(session, store, "p1")
        form = forms.create(live.app, session, store, "Pop-up", "en", now, admin.id)
        forms.set_state(session, form, "live", now, admin.id)
        form_id = form.public_id
        snippet = f'<script src="{live.url}/s/{store.public_id}.js" defer></script>'
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">'
    )
    product = '<meta name="cartwheel:product" content="p1">'
    end = f"{snippet}</head><body><main><h1>Shop</h1><button>Buy</button></main></body></html>"
    pages["/"] = head + end
    pages["/products/1"] = head + product + end
    embed = f'<script src="{live.url}/f/{form_id}.js" async></script>'
    pages["/embedded"] = f"{head}</head><body><main><h1>Shop</h1>{embed}</main></body></html>"
    yield Shop(live, url, pages, form_id)
    server.shutdown()
    server.server_close()


@pytest.fixture
def shopper(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page as a person's browser, which is not driven by anybody."""
    opened: list[BrowserContext] = []

    def open_page(width: str = "desktop", theme: str = "light", *, gpc: bool = False, **options: Any) -> Page:
        size = WIDTHS[width]
        context = chromium.new_context(
            user_agent=AGENT,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            **options,
        )
        context.set_default_timeout(20_000)
        context.add_init_script("Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => false})")
        if gpc:
            context.add_init_script(
                "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
            )
        opened.append(context)
        return context.new_page()

    yield open_page
    for context in opened:
        context.close()


def _sound(where: Page | Frame) -> None:
    where.evaluate(AXE.read_text())
    found = where.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.target)]))")
    assert found == []
    assert where.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_before_consent_nothing_is_stored_or_sent_and_after_it_the_look_is_told(
    shop: Shop, shopper: Callable[..., Page]
) -> None:
    page = shopper()
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.url.endswith("/events") else None)
    page.goto(f"{shop.url}/products/1")
    page.evaluate("cartwheel.identify('ada@example.com')")
    page.wait_for_timeout(800)
    assert sent == []
    assert page.evaluate(_KEPT) == '[0,0,""]'
    with page.expect_response(lambda r: r.url.endswith("/events")) as answer:
        page.evaluate("cartwheel.consent(true)")
    assert answer.value.status == 204
    assert page.evaluate("document.cookie") == ""
    assert {e.name for e in shop.rows(Event)} == {"page.viewed", "product.viewed"}
    assert [v.store_id for v in shop.rows(Visitor)] == [shop.live.store.id]
    page.evaluate("cartwheel.consent(false)")
    assert page.evaluate(_KEPT) == '[0,0,""]'


def test_who_asks_not_to_be_followed_and_robots_are_left_alone(shop: Shop, shopper: Callable[..., Page]) -> None:
    robot = shopper()
    robot.add_init_script("Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => true})")
    sent: list[str] = []
    for page in (shopper(gpc=True), robot):
        page.on("request", lambda r: sent.append(r.url) if r.url.endswith("/events") else None)
        page.goto(f"{shop.url}/products/1")
        page.evaluate("cartwheel.consent(true), cartwheel.identify('ada@example.com')")
        page.wait_for_timeout(700)
        assert page.evaluate(_KEPT) == '[0,0,""]'
    assert sent == []


def test_the_pop_up_is_a_dialog_that_keyboard_and_screen_reader_can_use(
    shop: Shop, shopper: Callable[..., Page]
) -> None:
    shop.change(popup=True, popup_delay=0)
    page = shopper("phone", reduced_motion="reduce")
    page.goto(shop.url)
    dialog = page.get_by_role("dialog", name="Be the first to know")
    expect(dialog).to_be_visible()
    inside = page.frame_locator("[data-cartwheel-form] iframe")
    expect(inside.get_by_label("Mail address")).to_be_visible()
    _sound(page)
    frame = next(f for f in page.frames if "/f/" in f.url)
    _sound(frame)
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert "BUTTON" not in reached, "the shop's own button is out of reach while the dialog is open"
    inside.get_by_label("Mail address").press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate(_KEPT) == '[0,0,""]'
    page.goto(f"{shop.url}/products/1", referer=f"{shop.url}/")
    page.wait_for_timeout(700)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_somebody_signs_up_in_the_shops_page_and_confirms(shop: Shop, shopper: Callable[..., Page]) -> None:
    page = shopper("phone")
    page.goto(f"{shop.url}/embedded")
    inside = page.frame_locator("iframe")
    inside.get_by_label("Mail address").fill("grace@example.com")
    inside.get_by_label("First name").fill("Grace")
    page.wait_for_timeout(2200)
    frame = next(f for f in page.frames if "/f/" in f.url)
    assert frame.evaluate("document.documentElement.scrollHeight - innerHeight") <= 1
    inside.get_by_role("button", name="Sign up").click()
    expect(inside.get_by_text("We have sent you a mail.")).to_be_visible()
    [sign_up] = shop.rows(SignUp)
    assert sign_up.page == f"{shop.url}/embedded"
    page.goto(shop.link("y"))
    _sound(page)
    assert {c.status for c in shop.rows(ConsentState) if c.customer_id == sign_up.customer_id} == {"pending"}
    page.get_by_role("button", name="Yes, it was me").click()
    expect(page.get_by_role("heading", name="Thank you, you are on our list")).to_be_visible()
    assert {c.first_name for c in shop.rows(Customer)} == {"Ada", "Grace"}


@pytest.mark.parametrize(("width", "theme"), [("phone", "light"), *OTHERS])
def test_public_pages_work_without_scripts_and_are_sound(
    shop: Shop, shopper: Callable[..., Page], width: str, theme: str
) -> None:
    shop.change(birthday="optional", last_name="optional", needs_tick=True, topics="a: Apples\nb: Pears")
    page = shopper(width, theme, java_script_enabled=False)
    seeing = shopper(width, theme)
    page.goto(f"{shop.live.url}/f/{shop.form_id}")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Mail address").fill("grace@example.com")
    page.get_by_label("I want to get mails").check()
    page.wait_for_timeout(2200)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("Almost done")).to_be_visible()
    page.goto(shop.link("y"))
    page.get_by_role("button", name="Yes, it was me").click()
    page.goto(shop.link("p"))
    page.get_by_label("Pears").uncheck()
    page.get_by_label("How often").select_option(label="At most once a week")
    page.get_by_role("button", name="Store").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("It is as it was before.")).to_be_visible()
    for address in (
        f"{shop.live.url}/f/{shop.form_id}",
        f"{shop.live.url}/f/{shop.form_id}?sent=1",
        shop.link("y"),
        shop.link("p"),
        shop.link("u"),
    ):
        seeing.goto(address)
        _sound(seeing)


@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), *OTHERS])
def test_the_editor_shows_what_is_typed_and_every_page_is_sound(
    live: Live, owner_page: Callable[..., Page], width: str, theme: str
) -> None:
    page = owner_page(width, theme)
    page.goto(f"{live.url}/forms/")
    assert_is_sound(page)
    page.get_by_role("button", name="Make the first one").click()
    page.get_by_label("Name").fill("In the footer")
    page.get_by_role("button", name="Make it").click()
    page.get_by_label("Title").fill("Tea, first of all")
    expect(page.locator("#preview")).to_contain_text("Tea, first of all")
    page.get_by_label("Colour").select_option("violet")
    expect(page.locator("#preview .preview-violet")).to_be_visible()
    assert_is_sound(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    page.goto(f"{live.url}/forms/storefront")
    assert_is_sound(page)
    page.goto(f"{live.url}/forms/")
    assert_is_sound(page)
