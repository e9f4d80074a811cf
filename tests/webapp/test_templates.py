"""The templates' own rules: nothing inline, nothing of htmx that needs eval, only icons that are drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automation.recipes import recipes
from webapp.assets import ROOT

TEMPLATES = sorted((ROOT / "webapp" / "templates").rglob("*.html"))
DOORS = {
    name
    for path in (ROOT / "webapp" / "doors").glob("*.py")
    for name in re.findall(r"Blueprint\(\"([a-z_]+)\"", path.read_text())
}
FORBIDDEN = {
    r"<script(?![^>]*\b(?:src=|type=\"application/json\"))": "an inline script",
    r"<style\b": "an inline style sheet",
    r"\sstyle=": "an inline style",
    r"\son[a-z]+=": "an inline event handler",
    r"\bhx-on\b": "hx-on, which needs eval",
    r"hx-(?:vals|headers)=['\"]js:": "a computed value, which needs eval",
    r"hx-trigger=\"[^\"]*\[": "a trigger's filter, which needs eval",
    r"https?://(?!wren\.example)[a-z0-9.-]+\.[a-z]{2,}/[^\"' ]+\.(?:js|css|woff2)": "something from another site",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_template_keeps_to_the_content_security_policy(path: Path) -> None:
    text = path.read_text()
    assert [why for pattern, why in FORBIDDEN.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_form_that_posts_carries_the_token(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    if {"doors", "signup"} & set(path.parts):
        return  # recipients have no cookie of ours; their links are signed
    for form in re.findall(r"<form\b.*?</form>", text, flags=re.DOTALL):
        goal = re.search(r"url_for\('([a-z_]+)\.", form)
        if re.search(r"method=\"post\"", form) and not (goal and goal[1] in DOORS):
            assert "csrf_field()" in form, form[:200]


def test_every_icon_that_is_asked_for_is_in_the_sprite() -> None:
    listed = (ROOT / "webapp" / "frontend" / "icons.txt").read_text().splitlines()
    asked = {
        name
        for path in [*TEMPLATES, *(ROOT / "automation" / "steps").glob("*.py")]
        for name in re.findall(r"\bicon(?:\(|(?:: ClassVar\[str\])? = )\"([a-z0-9-]+)\"", path.read_text())
    }
    asked |= {recipe.icon for recipe in recipes().values()}
    assert len(asked) > 30
    assert sorted(asked - set(listed)) == []
