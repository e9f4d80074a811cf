from __future__ import annotations

from automation.editing.marking import themed


def test_dark_and_light_are_seen_on_any_device() -> None:
    css = "@media (prefers-color-scheme: dark) { a } @media ( prefers-color-scheme:light ) { b }"
    assert themed(css, "dark") == "@media (min-width: 0) { a } @media (max-width: 0) { b }"
    assert themed(css, "light") == "@media (max-width: 0) { a } @media (min-width: 0) { b }"
