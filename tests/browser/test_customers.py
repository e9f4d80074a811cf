from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.watching import Look, looking

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Look]:
    with looking(tmp_path_factory.mktemp("customers"), chromium) as look:
        yield look


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize("path", ["", "?q=nobody", "{ada}", "{suppressed}", "{ada}?kind=decisions"])
def test_every_page_is_clean_in_light_in_dark_and_on_a_phone(look: Look, path: str, theme: str, width: int) -> None:
    shown = path.format(ada=look.shop.ada, suppressed=look.shop.suppressed)
    with look.at("/customers/" + shown, theme=theme, width=width) as page:
        look.check(page)


def test_the_list_narrows_while_one_types_and_the_address_follows(look: Look) -> None:
    with look.at("/customers/") as page:
        field = page.get_by_role("searchbox", name="Beginning of a name")
        field.press_sequentially("ada")
        expect(page.get_by_role("link", name="Ben Okafor")).to_be_hidden()
        expect(page.get_by_role("link", name="Ada Lovell")).to_be_visible()
        expect(page).to_have_url(re.compile(r"q=ada"))
        expect(field).to_be_focused()
        page.get_by_role("link", name="Ada Lovell").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovell")
        page.go_back()
        expect(page.get_by_role("link", name="Ada Lovell")).to_be_visible()
        expect(page.get_by_role("link", name="Ben Okafor")).to_be_hidden()


def test_a_chip_filters_what_happened_and_back_undoes_it(look: Look) -> None:
    with look.at(f"/customers/{look.shop.ada}") as page:
        happened = page.get_by_role("region", name="What happened")
        happened.get_by_role("link", name="Orders").click()
        expect(happened.get_by_text("Clicked:")).to_be_hidden()
        expect(happened.get_by_text("Ordered #1042")).to_be_visible()
        expect(page).to_have_url(re.compile(r"kind=orders"))
        look.check(page)
        page.go_back()
        expect(happened.get_by_text("Clicked:")).to_be_visible()


def test_the_words_somebody_agreed_to_unfold(look: Look) -> None:
    with look.at(f"/customers/{look.shop.ada}") as page:
        page.get_by_text("Marketing", exact=True).click()
        expect(page.get_by_text("“Yes, send me news.”")).to_be_visible()


def test_a_suppression_is_lifted_after_a_question(look: Look) -> None:
    with look.at(f"/customers/{look.shop.suppressed}") as page:
        page.get_by_role("button", name="Lift the suppression …").click()
        page.get_by_role("dialog").get_by_role("button", name="Lift the suppression").click()
        expect(page.get_by_text("The address may be mailed again.")).to_be_visible()
        expect(page.get_by_text("No mail goes to this address")).to_be_hidden()
