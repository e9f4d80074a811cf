from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.languages import LANGUAGES, language_of, words
from automation.signup.definition import FormDefinition, Topic, fresh, read_topics

ROOT = Path(__file__).resolve().parents[3]


def test_topics_are_read_one_a_line() -> None:
    assert read_topics("marketing: News\n\n sales :  Sales, twice a year \n") == [
        Topic("marketing", "News"),
        Topic("sales", "Sales, twice a year"),
    ]


@pytest.mark.parametrize(
    ("text", "why"), [("", "one topic a line"), ("News", "“News” is no topic"), ("a: A\na: B", "twice")]
)
def test_what_is_no_topic_is_refused_with_a_hint(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        FormDefinition(topics=text)


@settings(max_examples=30)
@given(st.lists(st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True), min_size=1, max_size=8, unique=True))
def test_any_codes_come_back_in_their_order(codes: list[str]) -> None:
    assert [t.code for t in read_topics("\n".join(f"{c}: About {c}" for c in codes))] == codes


def test_a_pop_up_comes_on_the_pages_it_is_meant_for() -> None:
    form = FormDefinition(popup_pages="/products/*\n/")
    assert [form.is_for(path) for path in ("/", "/products/1", "/cart")] == [True, True, False]
    assert FormDefinition().is_for("/anything")


def test_a_new_form_speaks_its_language() -> None:
    assert fresh("de").button == "Anmelden"
    assert fresh("de").topic_list == [Topic("marketing", "Neues und Angebote")]
    assert fresh("en") == FormDefinition()


def test_a_locale_finds_the_language_there_are_words_in() -> None:
    assert language_of("de-AT") == language_of("de_CH") == language_of(None, "fr", "de") == "de"
    assert language_of("fr", None) == "en"


def test_every_sentence_on_public_pages_is_translated() -> None:
    said = {
        sentence
        for path in [*(ROOT / "webapp/templates/signup").glob("*.html"), *_sources()]
        for sentence in re.findall(r'\b(?:_|say)\(\s*"([^"]+)"', path.read_text())
    }
    assert len(said) > 50
    for language in LANGUAGES:
        assert language == "en" or {s for s in said if words(language)(s) == s} == set()


def _sources() -> list[Path]:
    return [
        ROOT / name for name in ("webapp/entries.py", "webapp/doors/signup.py", "automation/rendering/values/signup.py")
    ]
