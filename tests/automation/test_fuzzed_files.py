"""Feeds and files that are almost right: each is read, or refused with a reason; nothing falls over.

Some dozens each time; CARTWHEEL_FUZZ=20000 (make fuzz) for as many of each.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from openpyxl import Workbook

from automation.errors import Unreadable
from automation.feeds.reading import read
from automation.importing import sheets
from tests.automation.feeds.serving import item, rss

ROUNDS = int(os.environ.get("CARTWHEEL_FUZZ", "60"))
SEED = os.environ.get("CARTWHEEL_FUZZ_SEED", "1")
ATOM = (
    '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://e.com/">'
    '<title type="html">J &amp;amp; K</title><link href="/"/><entry><id>tag:1</id><title>One</title>'
    '<link rel="alternate" href="one"/><updated>2026-03-09T08:15:00Z</updated><content type="xhtml">'
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>Hi</p></div></content></entry></feed>'
)
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "J",
    "items": [
        {"id": 7, "url": "/a", "content_html": "<p>x</p>", "date_published": "2026-03-09T08:15:00Z", "tags": ["t"]}
    ],
}
SHEET = 'email,first name,tags,birthday\nada@example.com,Ada,"tea,vip",1990-04-23\nb@example.com,"B\nen",,\n'
TOKENS = (
    *(b"< > & &#0; ]]> <![CDATA[ { [ null = , ;".split()),
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"=cmd|' /C'!A0",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\t",
    b"\r",
    b"\n" * 3,
    b"9" * 40,
    "é".encode("utf-16"),
)


def workbook() -> bytes:
    book, out = Workbook(), BytesIO()
    sheet = book.create_sheet("people", 0)
    for row in (("email", "first name"), ("ada@example.com", "Ada"), ("ben@example.com", 7)):
        sheet.append(row)
    book.save(out)
    return out.getvalue()


def mutant(dice: random.Random, body: bytes) -> bytes:
    """Up to four cuts, doublings, changed bytes and odd pieces."""
    for _ in range(dice.randint(1, 4)):
        at, end = sorted((dice.randrange(len(body) + 1), dice.randrange(len(body) + 1)))
        body = dice.choice(
            (
                body[:at] + body[end:],
                body[:end] + body[at:],
                body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :],
                body[:at] + dice.choice(TOKENS) + body[at:],
                body[:at],
            )
        )[:200_000]
    return body


def read_feed(body: bytes, _folder: Path) -> None:
    document = read(body, "https://blog.example.com/feed", "")
    for one in document.items:
        assert isinstance(one.guid, str)
        assert "<script" not in one.html.lower()


def read_sheet(body: bytes, folder: Path) -> None:
    path = folder / "sheet"
    path.write_bytes(body)
    shape = sheets.shape_of(path)
    for number, cells in sheets.rows(path, shape):
        assert number > 0
        assert all(isinstance(cell, str) for cell in cells)


BODIES: dict[str, tuple[bytes, Callable[[bytes, Path], None]]] = {
    "rss": (rss(item("1", title="Tea", description="&lt;p&gt;x&lt;/p&gt;"), item("2"), ttl="90").encode(), read_feed),
    "atom": (ATOM.encode(), read_feed),
    "json feed": (orjson.dumps(JSON_FEED), read_feed),
    "csv": (SHEET.encode(), read_sheet),
    "csv in UTF-16": (SHEET.encode("utf-16"), read_sheet),
    "workbook": (workbook(), read_sheet),
}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_comes_is_read_or_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    body, reader = BODIES[name]
    dice = random.Random(f"{SEED} {name}")
    reader(body, tmp_path)
    reasons = [_reason(reader, mutant(dice, body), tmp_path) for _ in range(ROUNDS)]
    assert any(reason is not None for reason in reasons)
    assert "" not in reasons


def _reason(reader: Callable[[bytes, Path], None], body: bytes, folder: Path) -> str | None:
    try:
        reader(body, folder)
    except Unreadable as error:
        return str(error)
    return None
