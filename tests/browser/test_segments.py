"""A rule is put together in Chromium: by mouse, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from automation.models import Segment
from tests import make
from tests.browser.conftest import Live
from tests.browser.looks import assert_is_sound

pytestmark = pytest.mark.browser
OwnerPage = Callable[..., Page]


def _add(page: Page, words: str, group: int = -1) -> None:
    """By keyboard: open the menu of a group, walk down to the line, press it."""
    lines = page.locator(".rule-line").count() + page.locator(".rule-group").count()
    opener: Locator = page.get_by_role("button", name="Add a line").nth(group)
    opener.focus()
    page.keyboard.press("Enter")
    choice = page.locator(".dropdown-menu.show").get_by_role("button", name=words)
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rule-line, .rule-group")).to_have_count(lines + 1)


def test_a_nested_rule_is_made_by_keyboard_and_counted_as_it_grows(live: Live, owner_page: OwnerPage) -> None:
    with live.app.db.write() as session:
        make.customer(session, live.store, "Grace", country="DE")
    page = owner_page("desktop", "light")
    page.goto(f"{live.url}/segments/new")
    page.get_by_label("Name").fill("Here or buying")
    _add(page, "A group: one holds")
    _add(page, "Something known of them", 0)
    page.locator("#r-0-0-value").fill("DE, AT")
    page.keyboard.press("Tab")
    expect(page.get_by_role("status")).to_contain_text("their country is one of DE, AT")
    _add(page, "Something that happened", 0)
    page.locator("#r-0-1-w").select_option("last_days")
    page.locator("#r-0-1-w_days").fill("90")
    page.keyboard.press("Tab")
    expect(page.get_by_role("status")).to_contain_text("in the last 90 days")
    expect(page.get_by_text("customer at this moment")).to_be_visible()
    expect(page.get_by_role("link", name="Grace")).to_be_visible()
    assert_is_sound(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#r-0-1-w")).to_have_value("last_days")
    page.locator("#r-0-1-w_days").fill("30")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("heading", name="Here or buying")).to_be_visible()
    assert_is_sound(page)


def test_its_pages_are_sound_on_a_phone_in_the_dark(live: Live, owner_page: OwnerPage) -> None:
    within = {"event": "order.placed", "do": "sum", "property": "net", "is": "at_least", "value": 5000}
    where = [{"property": "category", "is": "in", "value": ["Tea"]}]
    rule = {"any": [{**within, "where": where}, {"not": {"any": [{"field": "country", "is": "is_known"}, within]}}]}
    with live.app.db.write() as session:
        now = live.app.clock()
        row = Segment(store_id=live.store.id, name="Big ones", rule=rule, created_at=now, updated_at=now)
        session.add(row)
        session.flush()
        number = row.id
    page = owner_page("phone", "dark")
    for path in ("/segments/", f"/segments/{number}?customer=ada@example.com", f"/segments/{number}/edit"):
        page.goto(live.url + path)
        page.wait_for_load_state("networkidle")
        assert_is_sound(page)
