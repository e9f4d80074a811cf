"""What every mail under templates/ has to have; a new mail is tested by being there."""

import re
from email.headerregistry import Address
from functools import cache
from typing import Any

import orjson
import pytest

from automation.actions.templates import FOLDER, built_in, parts, sample, source_of
from automation.campaigns import walk
from automation.recipes import recipes
from automation.rendering.compile import compile_mail
from automation.rendering.context import NAMES
from automation.rendering.mail import Compiled, Rendered
from automation.rendering.sandbox import MailProgram

LINKS = {
    "_click": "https://mail.example.com/c/TOKEN/",
    "_pixel": "https://mail.example.com/o/TOKEN.gif",
    "unsubscribe_url": "https://mail.example.com/u/TOKEN",
    "browser_url": "https://mail.example.com/v/TOKEN",
    "points_url": "https://mail.example.com/l/TOKEN",
    "rating_url": "https://mail.example.com/r/TOKEN",
    "confirm_url": "https://mail.example.com/y/TOKEN",
    "preferences_url": "https://mail.example.com/p/TOKEN",
}


@cache
def compiled(name: str) -> Compiled:
    return compile_mail(source_of(name))


def rendered(name: str, *, is_strict: bool = True, **values: object) -> Rendered:
    program = MailProgram(compiled(name), b"k" * 32, is_strict=is_strict)
    return program({**sample(name), **values, **LINKS})


OF_NO_CAMPAIGN = {"confirm_subscription"}
"""Mails that something else than a recipe's flow sends."""


def test_every_mail_that_a_recipe_names_is_there_and_no_other() -> None:
    named = {
        node.settings["template"]
        for recipe in recipes().values()
        for node in walk(recipe.definition.flow)
        if node.kind == "mail"
    }
    assert named | OF_NO_CAMPAIGN == set(built_in())


def _emptied(value: Any) -> Any:
    """What a name holds for a message that has nothing of it: the same shape."""
    if isinstance(value, dict):
        return {key: _emptied(inner) for key, inner in value.items()}
    return {str: "", int: 0, list: [], bool: False}.get(type(value))


@pytest.mark.parametrize("name", built_in())
class TestEveryMail:
    def test_its_folder_holds_what_a_mail_is_made_of(self, name: str) -> None:
        assert {f.name for f in (FOLDER / name).iterdir()} == {"subject.txt", "body.mjml", "sample.json"}
        assert set(sample(name)) <= set(NAMES)

    def test_its_first_comment_says_when_it_is_sent(self, name: str) -> None:
        assert re.match(r"<!-- [A-Z].{20,}\. -->", source_of(name).mjml)

    def test_it_compiles_without_a_warning_and_names_only_what_is_loaded(self, name: str) -> None:
        made = compiled(name)
        assert made.warnings == ()
        assert set(made.names) <= set(NAMES)
        assert len(made.preheader) >= 20

    def test_it_renders_its_sample(self, name: str) -> None:
        mail = rendered(name)
        assert 5 <= len(mail.subject) < 50
        assert "\n" not in mail.subject
        assert len(mail.html.encode()) < 102_000
        assert len(mail.text) > 200
        for part in (mail.html, mail.text):
            assert "{{" not in part
            assert "{%" not in part
            assert "https://mail.example.com/u/TOKEN" in part
            assert "https://mail.example.com/v/TOKEN" in part
            assert "1 Market Street, 10115 Berlin" in part
            assert "https://mail.example.com/c/TOKEN/" in part
        assert not re.search(r"<[a-z/]", mail.text)

    def test_every_picture_has_words(self, name: str) -> None:
        html = rendered(name).html
        assert all(re.search(r'\salt="', tag) for tag in re.findall(r"<img[^>]*>", html))

    def test_it_asks_nothing_of_strangers(self, name: str) -> None:
        html = rendered(name).html
        hosts = set(re.findall(r"(?:src|href)=\"https?://([^/\"]+)", html))
        assert hosts <= {"mail.example.com", "wren.example.com"}

    def test_it_is_ready_for_dark_mode_and_phones(self, name: str) -> None:
        html = rendered(name).html
        assert "prefers-color-scheme: dark" in html
        assert '<meta name="color-scheme" content="light dark"' in html
        assert 'name="viewport"' in html

    def test_it_reads_well_to_somebody_without_a_name(self, name: str) -> None:
        mail = rendered(name, customer={**sample(name)["customer"], "first_name": "", "last_name": ""})
        for part in (mail.subject, mail.text):
            assert " ," not in part
            assert not part.startswith(",")
            assert part[0].isupper() or part[0].isdigit()

    def test_it_can_be_rendered_with_next_to_nothing(self, name: str) -> None:
        values = sample(name)
        store = {**values["store"], "brand": {}, "url": ""}
        nothing = {key: _emptied(values[key]) for key in values if key not in ("store", "customer")}
        mail = rendered(name, is_strict=False, **nothing, store=store)
        assert mail.subject
        assert "1 Market Street" in mail.html
        assert "None" not in mail.text

    def test_nothing_of_it_is_lost_in_a_comment(self, name: str) -> None:
        html = rendered(name).html
        inside = re.findall(r"<!--\[if mso.*?<!\[endif\]-->", html, re.DOTALL)
        assert [part for part in inside if "<!--" in part[4:]] == []

    def test_what_a_customer_wrote_cannot_become_markup(self, name: str) -> None:
        mail = rendered(name, customer={**sample(name)["customer"], "first_name": '<img src=x onerror="a()">'})
        assert "<img src=x" not in mail.html

    def test_its_colours_and_logo_are_the_stores(self, name: str) -> None:
        store = sample(name)["store"]
        store["brand"] = {"accent": "#aa3355", "logo_url": "https://wren.example.com/logo.png"}
        html = rendered(name, store=store).html
        assert "#aa3355" in html
        assert 'alt="Wren &amp; Thistle"' in html


def test_every_part_is_used() -> None:
    everything = "".join([*parts().values(), *(source_of(name).mjml for name in built_in())])
    assert [path for path in parts() if f'"{path}"' not in everything] == []


def test_samples_are_about_invented_people() -> None:
    for name in built_in():
        values = orjson.loads((FOLDER / name / "sample.json").read_bytes())
        assert Address(addr_spec=values["customer"]["email"]).domain == "example.com"
