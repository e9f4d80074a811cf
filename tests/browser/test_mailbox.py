from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from automation.models import Message, MessageEvent
from tests.browser.watching import Look, looking
from tests.conftest import NOW
from tests.webapp.scene import render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Look]:
    with looking(tmp_path_factory.mktemp("mailbox"), chromium) as look:
        yield look


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize(
    "path", ["", "?q=nothing", "{sent}", "{sent}?view=phone", "{sent}?view=text", "{sent}?view=headers", "{waiting}"]
)
def test_every_page_is_clean_in_light_in_dark_and_on_a_phone(look: Look, path: str, theme: str, width: int) -> None:
    shown = path.format(sent=look.shop.sent, waiting=look.shop.waiting)
    with look.at("/mailbox/" + shown, theme=theme, width=width) as page:
        page.wait_for_load_state("networkidle")
        look.check(page)


def test_the_mail_stands_in_its_frame_and_its_links_lead_nowhere(look: Look) -> None:
    with look.at(f"/mailbox/{look.shop.sent}") as page:
        mail = page.frame_locator("iframe")
        expect(mail.get_by_text("Your cart is just as you left it").first).to_be_visible()
        frame = page.frame(url=re.compile("/body$"))
        assert frame is not None
        with look.app.db.read() as session:
            before = session.query(MessageEvent).count()
        links = frame.locator("a")
        for number in range(links.count()):
            assert (
                links.nth(number).evaluate("link => link.target || document.querySelector('base').target") == "_blank"
            )
        assert frame.evaluate("[...document.images].filter(i => i.src.includes('/o/')).length") == 0
        with look.app.db.read() as session:
            assert session.query(MessageEvent).count() == before


def test_the_frame_is_as_high_as_the_mail(look: Look) -> None:
    with look.at(f"/mailbox/{look.shop.sent}") as page:
        expect(page.frame_locator("iframe").get_by_text("10115 Berlin")).to_be_visible()
        frame = page.frame(url=re.compile("/body$"))
        assert frame is not None
        expect(page.locator("iframe")).to_have_js_property("scrolling", "")
        assert frame.evaluate("document.documentElement.scrollHeight - innerHeight") <= 1


def test_the_tabs_change_the_view_and_the_address(look: Look) -> None:
    with look.at(f"/mailbox/{look.shop.sent}") as page:
        page.get_by_role("link", name="Phone").click()
        expect(page.locator("iframe")).to_have_js_property("offsetWidth", 390)
        expect(page).to_have_url(re.compile("view=phone"))
        page.get_by_role("link", name="Headers").click()
        expect(page.get_by_text("List-Unsubscribe=One-Click")).to_be_visible()
        page.get_by_role("link", name="Plain text").click()
        expect(page.get_by_label("Plain text of the mail")).to_contain_text("Hello Ada")


def test_a_mail_that_leaves_meanwhile_appears_by_itself(look: Look) -> None:
    with look.at("/mailbox/") as page:
        expect(page.get_by_text("cleo@example.com")).to_be_hidden()
        page.get_by_role("searchbox").focus()
        with look.app.db.write() as session:
            message = session.scalars(select(Message).where(Message.public_id == look.shop.waiting)).one()
            message.state, message.accepted_at = "accepted", NOW
            render(look.app, session, message)
        expect(page.get_by_text("cleo@example.com")).to_be_visible(timeout=9000)
        expect(page.get_by_role("searchbox")).to_be_focused()
        look.check(page)
