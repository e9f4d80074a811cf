"""Takes the README's pictures from a running demo: `python -m tests.browser.tour`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from automation.demo import fast_forward, opening
from automation.models import Campaign, Customer, Decision
from automation.queue.beat import beat
from tests.browser.conftest import ARGUMENTS
from tests.browser.demo import Demo, served

FOLDER = Path(__file__).resolve().parents[2] / "webapp" / "static" / "tour"


def _shoot(page: Page, name: str, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1200)
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{name}.png")


def _play(demo: Demo) -> tuple[str, str]:
    """Let two days go by; the cart campaign and a customer whose mails were put off, by public id."""
    with demo.app.db.write() as session:
        fast_forward.ask(demo.app, session, 48)
    demo.play.fast_forward()
    with demo.app.db.write() as session:
        beat(session, "worker", demo.app.clock())
        campaign = session.scalars(select(Campaign).order_by(Campaign.id)).first()
        put_off = select(Decision.customer_id).where(Decision.outcome == "defer").order_by(Decision.id.desc()).limit(1)
        customer = session.scalars(select(Customer).where(Customer.id == put_off.scalar_subquery())).one()
        assert campaign is not None
        return campaign.public_id, customer.public_id


def main() -> None:
    """Start a demo, let two days go by, take each picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    with served(folder) as demo, sync_playwright() as playwright:
        campaign, customer = _play(demo)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(opening.fresh_link(demo.app))
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{demo.url}/")
        _shoot(page, "home", demo.url)
        _shoot(page, "campaign", f"{demo.url}/campaigns/{campaign}")
        _shoot(page, "customer", f"{demo.url}/customers/{customer}")
        page.goto(f"{demo.url}/mailbox/?q=Cart+reminder")
        address = page.locator("main a[href^='/mailbox/']").first.get_attribute("href")
        _shoot(page, "mail", f"{demo.url}{address}")
        browser.close()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
