"""The words that recipients and shoppers read, in their language: English in the source, others in a PO file each.

PO is what translators and their tools know; a further language is one more file here. Catalogues are read once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

Words = Callable[[str], str]
"""An English sentence in another language; itself where nobody has translated it."""

_FOLDER = Path(__file__).parent
ENGLISH = "en"
LANGUAGES = (ENGLISH, *sorted(p.stem for p in _FOLDER.glob("*.po")))
"""Language codes there are words in."""


@cache
def _catalogue(language: str) -> dict[str, str]:
    with (_FOLDER / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in found if message.id and message.string}


def language_of(*locales: str | None) -> str:
    """The first of some locales (`de-AT`, `de_AT`, `de`) whose language there are words in, or English."""
    for locale in locales:
        language = (locale or "").replace("_", "-").partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return ENGLISH


def words(language: str) -> Words:
    """What says a sentence in a language."""
    if language not in LANGUAGES or language == ENGLISH:
        return str
    catalogue = _catalogue(language)
    return lambda sentence: catalogue.get(sentence, sentence)
