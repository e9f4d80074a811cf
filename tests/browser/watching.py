"""Looks at pages as a person does, and keeps what a person would not see: policy violations, errors, axe's findings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from automation.actions import admins
from automation.app import App, build
from automation.clock import TurnableClock
from automation.models import Record
from automation.settings import Settings
from tests.conftest import NOW
from tests.pages import open_pages
from tests.webapp import scene
from tests.webapp.scene import Scene
from tests.webapp.visitor import close
from webapp.assets import ROOT, is_built
from webapp.auth import cookie_name

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """rules => axe.run(document, {runOnly: rules}).then(found => found.violations.map(
    v => v.id + ": " + v.nodes.map(n => n.target.join(" ")).join(" | ")))"""


class Look:
    """One logged-in browser on the scene."""

    def __init__(self, app: App, shop: Scene, browser: Browser, base: str, cookie: dict[str, Any]) -> None:
        self.app, self.shop, self.base = app, shop, base
        self._browser, self._cookie = browser, cookie

    @contextmanager
    def at(self, path: str, *, theme: str = "light", width: int = 1280) -> Iterator[Page]:
        """A page of the site. Afterwards nothing may have been said in the console."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 850},
            color_scheme="dark" if theme == "dark" else "light",
            # A toast that is still fading in has too little contrast for axe.
            reduced_motion="reduce",
        )
        context.add_cookies([self._cookie])  # type: ignore[list-item]  # a plain dict with the right names
        # Pictures of the invented shop are on no server; everything else must be ours.
        context.route("https://*/**", lambda route: route.fulfill(status=200, content_type="image/gif", body=b"GIF89a"))
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            page.goto(self.base + path)
            yield page
            assert said == []
        finally:
            context.close()

    def check(self, page: Page) -> None:
        """Nothing for axe to find, and nothing wider than the window."""
        page.evaluate(AXE.read_text())
        found = page.evaluate(_RUN, _RULES)
        assert found == [], f"{page.url}: {found}"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@contextmanager
def looking(folder: Path, browser: Browser) -> Iterator[Look]:
    """The scene on SQLite behind a real server, and a browser in front of it."""
    if not AXE.exists() or not is_built():
        pytest.skip("needs node_modules and a built front end")
    settings = Settings(data=folder, secret_key="a key for tests only, long enough", base_url="http://127.0.0.1")
    app = build(settings, clock=TurnableClock(NOW))
    Record.metadata.create_all(app.db.engine)
    shop = scene.build(app)
    with app.db.write() as session:
        token = admins.start_session(session, admins.create_admin(session, "ops@example.com", NOW), NOW)
    flask = open_pages(app)
    server = make_server("127.0.0.1", 0, flask, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    cookie = {"name": cookie_name(app), "value": token, "url": base}
    try:
        yield Look(app, shop, browser, base, cookie)
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
        close(flask)
        app.close()
