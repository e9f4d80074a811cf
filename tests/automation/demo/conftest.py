"""A demo installation: a small slice of the shop, a clock of its own and the real doors in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from automation.app import App
from automation.demo import shop
from tests.conftest import NOW
from tests.pages import open_pages

CUSTOMERS = 60


@pytest.fixture
def demo(app: App) -> App:
    """The installation in demo mode, with no shop yet."""
    return replace(app, settings=app.settings.model_copy(update={"demo": True}))


@pytest.fixture
def loaded(demo: App) -> App:
    """The same with a slice of the shop."""
    shop.load(demo, NOW, lambda _done, _words: None, customers=CUSTOMERS)
    return demo


@pytest.fixture
def stocked(demo: App, monkeypatch: pytest.MonkeyPatch) -> App:
    """The slice without its campaigns: quicker, where no mail is to leave."""
    monkeypatch.delitem(shop.PARTS, "campaigns")
    shop.load(demo, NOW, lambda _done, _words: None, customers=CUSTOMERS)
    return demo


@pytest.fixture
def doors(stocked: App) -> Iterator[httpx.Client]:
    """A client whose requests go through the installation's real doors."""
    flask = open_pages(stocked)
    with httpx.Client(transport=httpx.WSGITransport(app=flask)) as client:
        yield client
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()
