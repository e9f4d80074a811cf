from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from automation.models import Template, TemplateVersion
from tests.browser.watching import Look, looking

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Look]:
    with looking(tmp_path_factory.mktemp("editor"), chromium) as look:
        yield look


def path_of(look: Look, name: str) -> str:
    with look.app.db.read() as session:
        return "/templates/" + session.scalars(select(Template.public_id).where(Template.name == name)).one()


def drawn(page: Page) -> None:
    expect(page.locator(".outline-item").first).to_be_visible()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_every_page_is_clean_in_light_in_dark_and_on_a_phone(look: Look, theme: str, width: int) -> None:
    newsletter = path_of(look, "newsletter")
    others = ("/templates/new", "/templates/brand") if (theme, width) == ("light", 390) else (newsletter,)
    for path in ("/templates/", *others):
        with look.at(path, theme=theme, width=width) as page:
            look.check(page)
    with look.at(f"{newsletter}/edit", theme=theme, width=width) as page:
        drawn(page)
        page.locator(".outline-item", has_text="Button").first.click()
        expect(page.get_by_role("heading", name="Button")).to_be_visible()
        look.check(page)


def test_a_mail_is_made_edited_by_keyboard_saved_and_brought_back(look: Look) -> None:
    with look.at("/templates/new") as page:
        page.get_by_label("Name").fill("Spring welcome")
        page.get_by_label("Begin with").select_option("welcome")
        page.get_by_role("button", name="Make it").press("Enter")
        page.wait_for_url(re.compile("/edit$"))
        drawn(page)
        before = page.locator("#mjml").input_value()
        mail = page.frame_locator("iframe")
        page.locator(".outline-item", has_text="We are glad").press("Enter")
        text = page.get_by_role("textbox", name="Text", exact=True)
        text.press("Control+Home")
        page.keyboard.type("Spring is here. ")
        expect(mail.get_by_text("Spring is here. We are glad")).to_be_visible()
        after = page.locator("#mjml").input_value()
        assert after == before.replace("We are glad", "Spring is here. We are glad")
        page.keyboard.press("Control+s")
        expect(page.get_by_text("Version 2 is saved.")).to_be_visible()
        page.get_by_role("link", name="Spring welcome").click()
        expect(page.get_by_text("What version 2 changed")).to_be_visible()
        page.get_by_role("button", name="Restore").press("Enter")
        expect(page.get_by_text("Version 1 is back, as version 3.")).to_be_visible()
    with look.app.db.read() as session:
        newest = session.scalars(select(TemplateVersion).order_by(TemplateVersion.id.desc()).limit(1)).one()
    assert newest.mjml == before


def test_blocks_are_put_in_moved_and_undone(look: Look) -> None:
    with look.at(path_of(look, "newsletter") + "/edit") as page:
        drawn(page)
        before = page.locator("#mjml").input_value()
        mail = page.frame_locator("iframe")
        button = mail.locator("[class*='cw-b']", has_text="Unsubscribe").last
        button.click()
        expect(page.get_by_role("heading", name="Text")).to_be_visible()
        page.get_by_role("button", name="Heading").click()
        expect(mail.get_by_text("A heading")).to_be_visible()
        expect(mail.locator(".cw--selected", has_text="A heading")).to_be_visible()
        added = page.locator("#mjml").input_value()
        page.get_by_role("button", name="Move up (Alt+Up)").click()
        expect(page.locator("#mjml")).not_to_have_value(added)
        page.get_by_role("button", name="Undo (Ctrl+Z)").click()
        expect(page.locator("#mjml")).to_have_value(added)
        page.get_by_role("button", name="Undo (Ctrl+Z)").click()
        expect(page.locator("#mjml")).to_have_value(before)
        expect(mail.get_by_text("A heading")).to_be_hidden()
        page.get_by_role("button", name="Redo (Ctrl+Shift+Z)").click()
        expect(page.locator("#mjml")).to_have_value(added)


def test_a_block_is_dragged_into_the_mail(look: Look) -> None:
    with look.at(path_of(look, "newsletter") + "/edit", width=1440) as page:
        drawn(page)
        target = page.frame_locator("iframe").locator("td[class*='cw-b']").nth(1)
        page.get_by_role("button", name="Divider").drag_to(target)
        expect(page.get_by_role("heading", name="Divider")).to_be_visible()


def test_a_mistake_in_the_code_is_named_and_keeps_the_mail_in_sight(look: Look) -> None:
    with look.at(path_of(look, "newsletter") + "/edit") as page:
        drawn(page)
        page.get_by_role("button", name="Code").click()
        code = page.get_by_label("MJML of the mail")
        broken = code.input_value().replace("</mj-body>", "{{ a b }}</mj-body>")
        code.fill(broken)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text(re.compile(r"Line \d+"))
        alert.get_by_role("button", name="Show the line").click()
        assert (
            page.evaluate("mjml.value.slice(mjml.selectionStart, mjml.selectionEnd)").strip() == "{{ a b }}</mj-body>"
        )
        assert code.input_value() == broken


def test_the_mail_is_seen_as_a_customer_on_a_phone_in_the_dark(look: Look) -> None:
    with look.at(path_of(look, "cart_reminder_1") + "/edit") as page:
        drawn(page)
        page.get_by_role("button", name="Sample data").click()
        page.get_by_label("Preview as a customer").fill("hana")
        page.get_by_role("button", name="Hana Novak").click()
        expect(page.locator("[data-shown-subject]")).to_contain_text("Hana")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="As on a phone").click()
        expect(page.locator("iframe")).to_have_js_property("offsetWidth", 390)
        page.get_by_role("button", name="As on a dark device").click()
        card = page.frame_locator("iframe").locator(".card").first
        expect(card).to_have_css("background-color", "rgb(30, 29, 28)")
        page.get_by_role("button", name="Plain text").click()
        expect(page.get_by_label("Plain text of the mail")).to_contain_text("Hana")
