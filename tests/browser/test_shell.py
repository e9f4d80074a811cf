"""The frame and its first pages, in Chromium: sound in light and dark, on a desk and on a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from automation.actions import admins
from automation.models import Admin
from tests import make
from tests.browser.conftest import Live
from tests.browser.looks import assert_is_sound

pytestmark = pytest.mark.browser
OwnerPage = Callable[..., Page]

OTHERS = [("desktop", "dark"), ("phone", "light")] if os.environ.get("CARTWHEEL_EVERY_LOOK") else []
PAGES = (
    "/",
    "/account",
    "/connections/",
    "/connections/new/platform",
    "/connections/new/provider/postmark",
    "/imports/",
    "/privacy/",
    "/settings/",
    "/settings/team",
    "/settings/log",
    "/stores/",
    "/stores/new",
    "/find/?q=ada",
)


@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), ("phone", "dark"), *OTHERS])
def test_each_page_is_sound(live: Live, owner_page: OwnerPage, width: str, theme: str) -> None:
    page = owner_page(width, theme)
    for path in PAGES:
        page.goto(live.url + path)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        if path == "/":
            expect(page.locator("echart-view svg")).to_be_visible()
        assert_is_sound(page)


def test_the_log_in_page_is_sound_and_lets_the_owner_in(
    live: Live, open_browser: Callable[..., BrowserContext]
) -> None:
    with live.app.db.write() as session:
        admins.set_password(session, session.query(Admin).one(), "correct horse battery", live.app.clock())
    page = open_browser().new_page()
    page.goto(f"{live.url}/settings/")
    assert_is_sound(page)
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password", exact=True).fill("wrong horse battery")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{live.url}/settings/")
    page.get_by_role("button", name=re.compile("account of Ada Wren")).click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{live.url}/login")


def test_the_theme_that_was_chosen_stays(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page()
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto(f"{live.url}/settings/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_home_shows_what_happens_without_being_reloaded(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page()
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    page.evaluate("window.__same = true")
    page.locator("details summary", has_text="As a table").click()
    with live.app.db.write() as session:
        person = make.customer(session, live.store, "Grace", last_name="Moor")
        make.order(session, live.store, person, live.app.clock(), total=4200)
    expect(page.get_by_text("Grace Moor")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("€42.00")).to_be_visible()
    expect(page.locator("echart-view svg")).to_be_visible()
    expect(page.locator("#people .stat-value")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Clicked")).to_be_visible()
    assert page.evaluate("window.__same") is True
    assert page.evaluate("window.__csp") == []


def test_the_menu_opens_on_a_phone_and_its_bar_leads_on(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page("phone")
    page.get_by_role("button", name="More").click()
    page.locator("#side").get_by_role("link", name="Connections").click()
    page.wait_for_url(f"{live.url}/connections/")
    assert_is_sound(page)
    page.get_by_role("navigation", name="Main, short").get_by_role("link", name="Home").click()
    page.wait_for_url(f"{live.url}/")


def test_a_provider_is_connected_checked_and_removed(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page()
    page.goto(f"{live.url}/connections/")
    page.get_by_role("link", name="Connect a provider").click()
    page.get_by_role("link", name="Mailbox").last.click()
    page.get_by_label("Name").fill("Second box")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="Second box", level=1)).to_be_visible()
    expect(page.get_by_text("Second box is connected.")).to_be_visible()
    page.get_by_role("button", name="Check the settings").click()
    expect(page.locator("#checked .alert-success")).to_be_visible()
    expect(page.get_by_text("The connection works.")).to_be_visible()
    page.get_by_role("link", name="Pace").click()
    page.get_by_label("Warm it up").check()
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_text("day 1 of")).to_be_visible()
    assert_is_sound(page)
    page.get_by_role("link", name="Second box").click()
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Remove Second box?")
    assert_is_sound(page)
    dialog.get_by_role("button", name="Remove").click()
    page.wait_for_url(f"{live.url}/connections/")
    expect(page.get_by_text("Second box is removed.")).to_be_visible()


def test_the_palette_asks_again_when_its_first_question_is_lost(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page()
    asked: list[str] = []

    def lose_the_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
        else:
            route.fulfill(status=204)

    page.route(re.compile("/find/"), lose_the_first)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("option", name="Home")).to_have_attribute("aria-selected", "true")
    assert len(asked) == 2


def test_anything_is_found_and_opened_by_keyboard(live: Live, owner_page: OwnerPage) -> None:
    page = owner_page("desktop", "dark")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("option", name="Home")).to_have_attribute("aria-selected", "true")
    assert_is_sound(page)
    palette.get_by_role("combobox").fill("ada")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live.url}/customers/*")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Find anything")
    assert_is_sound(page)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    palette.get_by_role("combobox").fill("journ")
    expect(palette.get_by_role("option", name="Journey map")).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live.url}/journey/")
