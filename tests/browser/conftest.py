"""A real server, a real Chromium, and an owner who is logged in.

Where there is no Chromium these tests skip and say so, unless CI is set: then its absence is a failure.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from waitress.server import create_server

from automation.actions import admins
from automation.app import App, build
from automation.models import Admin, Record, Store
from automation.settings import Settings
from tests import make
from tests.pages import open_pages
from webapp import assets

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}


@dataclass
class Live:
    """An installation that is being served."""

    app: App
    store: Store
    url: str

    def link(self) -> str:
        """A log-in link for the owner."""
        with self.app.db.write() as session:
            admin = session.query(Admin).one()
            return f"{self.url}/login/{admins.login_link(session, admin, self.app.clock())}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on the PATH: the browser tests are skipped")
    # How long a page may take on a machine that is busy with other tests is not what these tests are about.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """An installation on SQLite with a store, a customer and an owner, served on a port of its own."""
    assets.build()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = build(Settings(data=tmp_path, demo=True, base_url=url, secret_key="a key for tests only, long enough"))
    Record.metadata.create_all(app.db.engine)
    with app.db.write() as session:
        store = make.store(session, created_at=app.clock())
        make.customer(session, store)
        make.connection(app, session, store, "provider", "mailbox", app.clock())
        admins.create_admin(session, "ada@example.com", app.clock(), name="Ada Wren")
    flask = open_pages(app)
    server = create_server(flask, sockets=[listener], threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Live(app, store, url)
    server.close()
    server.task_dispatcher.shutdown(timeout=2)
    thread.join(timeout=5)
    for name in ("cartwheel.reception", "cartwheel.writer"):
        flask.extensions[name].close()
    app.close()


@pytest.fixture
def open_browser(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens windows of a width ("desktop" or "phone") and a theme; what a page throws fails the test."""
    opened: list[BrowserContext] = []
    thrown: list[str] = []

    def make_one(width: str = "desktop", theme: str = "light") -> BrowserContext:
        size = WIDTHS[width]
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        context.on("weberror", lambda error: thrown.append(str(error.error)))
        opened.append(context)
        return context

    yield make_one
    for context in opened:
        context.close()
    assert thrown == []


@pytest.fixture
def owner_page(live: Live, open_browser: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Opens a page of a width and theme, with the owner logged in."""

    def open_page(width: str = "desktop", theme: str = "light") -> Page:
        page = open_browser(width, theme).new_page()
        page.goto(live.link())
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{live.url}/")
        return page

    return open_page
