from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.watching import Look, looking

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Look]:
    with looking(tmp_path_factory.mktemp("campaigns"), chromium) as look:
        yield look


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "new",
        "{live}",
        "{live}?edit=trigger",
        "{live}?edit=mail_1",
        "{live}?add=start",
        "{live}/people",
        "{live}/decisions",
    ],
)
def test_every_page_is_clean_in_light_in_dark_and_on_a_phone(look: Look, path: str, theme: str, width: int) -> None:
    with look.at("/campaigns/" + path.format(live=look.shop.live), theme=theme, width=width) as page:
        look.check(page)


def test_a_step_is_changed_by_keyboard_alone(look: Look) -> None:
    with look.at(f"/campaigns/{look.shop.live}") as page:
        page.get_by_role("link", name="Wait 30 minutes", exact=True).focus()
        page.keyboard.press("Enter")
        amount = page.get_by_label("Amount")
        expect(amount).to_have_value("30")
        amount.fill("40")
        amount.press("Enter")
        expect(page.get_by_text("Saved to the draft.")).to_be_visible()
        expect(page.get_by_text("Unpublished changes")).to_be_visible()
        expect(page.get_by_role("link", name="Wait 40 minutes", exact=True)).to_be_visible()
        look.check(page)


def test_a_recipe_is_published_after_a_question(look: Look) -> None:
    with look.at("/campaigns/new") as page:
        page.get_by_role("button", name=re.compile("Use this recipe.*Newsletter")).click()
        page.get_by_role("button", name="Publish", exact=True).click()
        question = page.get_by_role("dialog")
        expect(question).to_contain_text("Publish “Newsletter 2”?")
        look.check(page)
        question.get_by_role("button", name="Publish").click()
        expect(page.get_by_text("Version 1, live since")).to_be_visible()
        expect(page.get_by_text("Published. Its trigger is watched from now on.")).to_be_visible()


def test_a_button_pressed_before_the_script_has_come_is_answered_when_it_comes(look: Look) -> None:
    with look.at("/campaigns/") as page:
        held: list[Route] = []
        page.route("**/app-*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function it is given
        page.goto(look.base + f"/campaigns/{look.shop.draft}", wait_until="commit")
        page.get_by_role("button", name="Publish", exact=True).dblclick()
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert len(held) == 1
        held[0].continue_()
        expect(page.get_by_role("dialog")).to_contain_text("Publish “")
        # What was pressed is done once, and later presses are not kept.
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_campaign_is_archived_only_when_asked_twice(look: Look) -> None:
    with look.at(f"/campaigns/{look.shop.draft}") as page:
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("button", name="Archive …").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("button", name="Archive …").click()
        page.get_by_role("dialog").get_by_role("button", name="Archive").click()
        expect(page.get_by_text("Archived. Its figures are kept.")).to_be_visible()


def test_reasons_of_mails_that_were_not_sent_unfold(look: Look) -> None:
    with look.at(f"/campaigns/{look.shop.live}") as page:
        page.get_by_text("1 not sent").click()
        expect(page.get_by_text("the customer has not agreed to the topic")).to_be_visible()
        look.check(page)


def press(page: Page, control: Locator) -> None:
    """Press Enter on it, once the page listens."""
    page.wait_for_load_state("load")
    control.focus()
    page.keyboard.press("Enter")


def key(page: Page, name: str) -> None:
    """Press a key, once the page listens."""
    page.wait_for_load_state("load")
    page.keyboard.press(name)


def put_in(page: Page, step: str, where: str) -> None:
    press(page, page.get_by_role("link", name=where))
    press(page, page.locator("button.kind").filter(has=page.get_by_text(step, exact=True)))
    expect(page.get_by_role("heading", name=step)).to_be_visible()
    expect(page.get_by_text("Put in.")).to_be_visible()


def begin(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Started by").select_option("order_placed")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("No steps yet")).to_be_visible()


def test_a_campaign_is_drafted_from_nothing_and_published_by_keyboard_alone(look: Look) -> None:
    with look.at("/campaigns/new") as page:
        begin(page, "Spring")
        put_in(page, "Wait", "Put a step in at the beginning")
        look.check(page)
        put_in(page, "Send a mail", "Put a step in after “Wait 1 hour”")
        expect(page.get_by_text("Not ready: choose a mail").first).to_be_visible()
        look.check(page)
        page.get_by_role("combobox", name="Mail").select_option("cart_reminder_1")
        press(page, page.get_by_role("button", name="Save to the draft"))
        expect(page.get_by_text("Saved to the draft.")).to_be_visible()
        press(page, page.get_by_role("button", name="Publish", exact=True))
        press(page, page.get_by_role("dialog").get_by_role("button", name="Publish"))
        expect(page.get_by_text("Version 1, live since")).to_be_visible()
        look.check(page)


def test_keys_act_on_the_step_that_is_open_and_undo_brings_back(look: Look) -> None:
    with look.at("/campaigns/new") as page:
        begin(page, "Summer")
        put_in(page, "Branch", "Put a step in at the beginning")
        put_in(page, "Tag", "Put a step in at the beginning of “yes”")
        press(page, page.locator("#step-branch_1 a"))
        expect(page.get_by_role("heading", name="Branch")).to_be_visible()
        key(page, "d")
        expect(page.locator("#step-branch_2")).to_be_visible()
        key(page, "Delete")
        expect(page.locator("#step-branch_2")).to_be_hidden()
        press(page, page.locator("#step-branch_1 a"))
        expect(page.get_by_role("heading", name="Branch")).to_be_visible()
        key(page, "Delete")
        expect(page.get_by_text("No steps yet")).to_be_visible()
        key(page, "Control+z")
        expect(page.locator("#step-tag_1")).to_be_visible()
        look.check(page)
