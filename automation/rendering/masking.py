"""Hides Jinja from the MJML compiler: every tag becomes an opaque word, and is put back afterwards.

The compiler reads XML; `{% if a < b %}` is none, and quotes inside quotes come back broken. What the words stand for
is decided by where they stand: in text and attribute values a bare word, between attributes a valueless attribute.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field, replace

from automation.errors import TemplateBroken

_OPENERS = re.compile(r"\{[{%#]|<!--|<|>|\"|'")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_START = re.compile(r"<!--.*?-->|<mjml(?=[\s>])", re.DOTALL)
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}


@dataclass(frozen=True, slots=True)
class Token:
    """A Jinja tag of the source."""

    word: str
    source: str
    line: int
    is_in_tag: bool
    may_vanish: bool
    """True for comments, and for values of defaults that no component may use."""

    @property
    def is_expression(self) -> bool:
        """True for {{ … }}, whose absence cannot unbalance anything."""
        return self.source.startswith("{{")


@dataclass(slots=True)
class Masked:
    """A source with its Jinja tags hidden."""

    text: str
    prefix: str
    """Jinja that stood before <mjml>."""
    stem: str
    """How its words begin."""
    tokens: dict[str, Token] = field(default_factory=dict)
    word: re.Pattern[str] = field(default_factory=lambda: re.compile("(?!)"))
    first_line: int = 1
    """The line of <mjml>."""
    leading: frozenset[str] = frozenset()
    """The words of `prefix`."""

    @property
    def jinja(self) -> str:
        """The source with its Jinja as it is compiled; every tag on the source's line."""
        before = ""
        for token in self.tokens.values():
            if token.word in self.leading:
                before += "\n" * (token.line - 1 - before.count("\n")) + token.source
        return before + "\n" * (self.first_line - 1 - before.count("\n")) + self.restore(self.text)

    def line(self, at: int) -> int:
        """The source's line of a place in `text`."""
        return self.first_line + self._lines(self.text[:at])

    def _lines(self, text: str) -> int:
        return text.count("\n") + sum(self.tokens[w].source.count("\n") for w in self.word.findall(text))

    def restore(self, text: str) -> str:
        """Put the tags back."""
        text = self.in_tag(text)
        return self.word.sub(lambda m: self.tokens[m[0]].source, text)

    def hide(self, jinja: str) -> str:
        """A word for Jinja of our own."""
        word = f"{self.stem}{len(self.tokens)}q"
        self.tokens[word] = Token(word, jinja, 0, is_in_tag=False, may_vanish=True)
        return word

    def in_tag(self, text: str) -> str:
        """Turn the valueless attributes back into bare words."""
        return re.sub(f'({self.word.pattern})=""', r"\1", text)

    def lost(self, text: str) -> list[Token]:
        """The tags that the compiler dropped although they matter."""
        found = set(self.word.findall(text))
        return [t for w, t in self.tokens.items() if w not in found and not t.may_vanish]


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


def end_of_tag(source: str, start: int) -> int:
    """Where the Jinja tag that begins at `start` ends; a closing pair inside a string does not count."""
    opener = source[start : start + 2]
    closer = _CLOSERS[opener]
    if opener != "{#":
        quote, at = "", start + 2
        while at < len(source):
            letter = source[at]
            if quote:
                if letter == "\\":
                    at += 1
                elif letter == quote:
                    quote = ""
            elif letter in "\"'":
                quote = letter
            elif source.startswith(closer, at):
                return _raw_end(source, start, at + 2)
            at += 1
    at = source.find(closer, start + 2)
    if at < 0:
        raise TemplateBroken(f"A {opener} is never closed by {closer}.", part="body", line=_line(source, start))
    return at + 2


def _raw_end(source: str, start: int, end: int) -> int:
    if not _RAW.match(source, start):
        return end
    close = _ENDRAW.search(source, end)
    if close is None:
        raise TemplateBroken("A {% raw %} is never closed.", part="body", line=_line(source, start))
    return close.end()


def _word_for(source: str) -> str:
    """The beginning of a word that does not occur in the source."""
    for number in range(10_000):
        word = f"jx{number}q"
        if word not in source:
            return word
    raise TemplateBroken("The source is full of the words that stand for Jinja tags.", part="body")


def _spans(source: str, pattern: str) -> list[tuple[int, int]]:
    return [m.span() for m in re.finditer(pattern, source, re.DOTALL)]


def mask(source: str) -> Masked:
    """Hide every Jinja tag. Raises TemplateBroken, with its line, for a tag that is never closed."""
    start_word = _word_for(source)
    defaults = _spans(source, r"<mj-attributes\b.*?</mj-attributes>")
    masked = Masked("", "", start_word, word=re.compile(rf"{start_word}\d+q"))
    parts: list[str] = []
    state = ""  # "" text, "<" in a tag, a quote in an attribute's value, "!" in a comment
    at = 0
    while True:
        found = _OPENERS.search(source, at) if state != "!" else re.compile(r"\{[{%#]|-->").search(source, at)
        if found is None:
            parts.append(source[at:])
            break
        parts.append(source[at : found.start()])
        mark = found[0]
        at = found.end()
        if mark in _CLOSERS:
            at = end_of_tag(source, found.start())
            tag = source[found.start() : at]
            word = f"{start_word}{len(masked.tokens)}q"
            is_default = state == "!" or any(a <= found.start() < b for a, b in defaults)
            vanishes = mark == "{#" or (mark == "{{" and is_default)
            masked.tokens[word] = Token(
                word,
                html.unescape(tag) if state in ('"', "'") else tag,
                _line(source, found.start()),
                state == "<",
                vanishes,
            )
            parts.append(f' {word}="" ' if state == "<" else word)
            continue
        parts.append(mark)
        state = _next_state(source, state, mark, found.start())
    text = "".join(parts)
    return _cut_prefix(text, masked)


def _next_state(source: str, state: str, mark: str, at: int) -> str:
    if state == "!":
        return "" if mark == "-->" else state
    if state == "":
        if mark == "<!--":
            return "!"
        is_tag = mark == "<" and re.match(r"[A-Za-z/!?]", source[at + 1 : at + 2])
        return "<" if is_tag else ""
    if state == "<":
        if mark == ">":
            return ""
        return mark if mark in ('"', "'") else state
    return "<" if mark == state else state


def _cut_prefix(text: str, masked: Masked) -> Masked:
    start = next((m.start() for m in _START.finditer(text) if m[0] == "<mjml"), -1)
    if start < 0:
        raise TemplateBroken("There is no <mjml> element.", part="body", line=1)
    before = text[:start]
    stray = re.sub(r"<!--.*?-->|<\?xml.*?\?>", "", masked.word.sub("", before), flags=re.DOTALL).strip()
    if stray:
        raise TemplateBroken(f"Only Jinja may stand before <mjml>, not “{stray[:40]}”.", part="body", line=1)
    words = masked.word.findall(before)
    masked.leading = frozenset(words)
    masked.prefix = "".join(masked.tokens[w].source for w in words)
    for word in words:
        masked.tokens[word] = replace(masked.tokens[word], may_vanish=True)
    masked.text = text[start:]
    masked.first_line += masked._lines(before)  # noqa: SLF001  its own maker
    return masked
