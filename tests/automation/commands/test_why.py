from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from automation.app import build
from automation.settings import Settings
from tests import make
from tests.automation.commands.conftest import Cartwheel


@pytest.fixture
def asked(cartwheel: Cartwheel, environment: dict[str, str]) -> Cartwheel:
    """A shop with a live campaign, and Ada who left a cart an hour ago."""
    cartwheel("migrate")
    app = build(Settings(data=Path(environment["CARTWHEEL_DATA"])))
    now = app.clock()
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store)
        make.cart(session, store, make.customer(session, store), now - timedelta(hours=1))
    app.close()
    return cartwheel


def test_why_says_it_in_sentences_with_marks(asked: Cartwheel) -> None:
    found = asked("why", "cart reminder", "Ada@example.com")
    assert found.exit_code == 0, found.output
    assert "They enter at the next sweep." in found.output
    assert "✓ No order was placed since the cart was left." in found.output


def test_why_says_it_to_machines_and_as_of_another_time(asked: Cartwheel) -> None:
    told = orjson.loads(asked("why", "cart", "ada@example.com", "--json", "--at", "2026-01-05T10:00+01:00").stdout)
    assert told["at"] == "2026-01-05T09:00:00+00:00"
    assert told["would_enter"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing", "ada@example.com"], "There is no campaign 'nothing'. There are: Cart reminder."),
        (["cart", "zoe@example.com"], "knows no customer of that address"),
        (["cart", "ada@example.com", "--at", "noon"], "is no moment"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(asked: Cartwheel, arguments: list[str], said: str) -> None:
    found = asked("why", *arguments)
    assert found.exit_code == 2
    assert said in found.output
