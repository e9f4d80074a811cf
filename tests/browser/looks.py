"""What every page must be: readable to everybody, quiet under the policy, and no wider than the screen."""

from __future__ import annotations

from playwright.sync_api import Page

from webapp.assets import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def assert_is_sound(page: Page) -> None:
    """No finding of axe, no violation of the content security policy, no sideways scrolling."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run()")
    found = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in result["violations"]]
    assert found == [], f"{page.url}: {found}"
    broken = page.evaluate("window.__csp")
    assert broken == [], f"{page.url}: {broken}"
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
