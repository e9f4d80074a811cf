from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.watching import Look, looking

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    with looking(tmp_path_factory.mktemp("campaigns")) as look:
        yield look


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize("path", ["", "new", "{live}", "{live}?edit=trigger", "{live}/people", "{live}/decisions"])
def test_every_page_is_clean_in_light_in_dark_and_on_a_phone(look: Look, path: str, theme: str, width: int) -> None:
    with look.at("/campaigns/" + path.format(live=look.shop.live), theme=theme, width=width) as page:
        look.check(page)


def test_a_step_is_changed_by_keyboard_alone(look: Look) -> None:
    with look.at(f"/campaigns/{look.shop.live}") as page:
        page.get_by_role("link", name="Wait 30 minutes").focus()
        page.keyboard.press("Enter")
        amount = page.get_by_label("Amount")
        expect(amount).to_have_value("30")
        amount.fill("40")
        amount.press("Enter")
        expect(page.get_by_text("Saved to the draft.")).to_be_visible()
        expect(page.get_by_text("Unpublished changes")).to_be_visible()
        expect(page.get_by_role("link", name="Wait 40 minutes")).to_be_visible()
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
