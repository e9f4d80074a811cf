"""A pool of one render child for all tests of this folder, and short ways to write mails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from automation.rendering.mail import MailSource
from automation.rendering.pool import RenderPool

KEY = b"k" * 32
LINKS: dict[str, Any] = {
    "_click": "https://mail.example.com/c/TOKEN/",
    "_pixel": "https://mail.example.com/o/TOKEN.gif",
    "unsubscribe_url": "https://mail.example.com/u/TOKEN",
    "browser_url": "https://mail.example.com/v/TOKEN",
    "points_url": "https://mail.example.com/l/TOKEN",
    "rating_url": "https://mail.example.com/r/TOKEN",
}


def source(body: str, subject: str = "Hello", **more: Any) -> MailSource:
    """A mail whose body is one column of text."""
    return MailSource(subject=subject, mjml=page(f"<mj-text>{body}</mj-text>"), **more)


def page(inside: str) -> str:
    """A document with one column."""
    return f"<mjml><mj-body><mj-section><mj-column>{inside}</mj-column></mj-section></mj-body></mjml>"


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    """One render child."""
    pool = RenderPool(1, KEY)
    yield pool
    pool.close()
