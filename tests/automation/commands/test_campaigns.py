from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from automation.app import build
from automation.models import Campaign, Store
from automation.settings import Settings
from tests.automation.commands.conftest import Cartwheel


def test_every_recipe_is_listed_with_what_it_does(cartwheel: Cartwheel) -> None:
    lines = cartwheel("recipes").output.splitlines()
    assert any(line.startswith("win_back ") and line.endswith("An order ends it.") for line in lines)


def test_a_campaign_goes_from_recipe_to_live_to_paused(cartwheel: Cartwheel, environment: dict[str, str]) -> None:
    drafted = cartwheel("draft", "win_back", "--name", "Come back")
    assert drafted.exit_code == 0
    assert "Before it can go live: store: set the sender's address" in drafted.output
    assert 'cartwheel publish "Come back"' in drafted.output
    refused = cartwheel("publish", "Come back")
    assert refused.exit_code == 2
    app = build(Settings(data=Path(environment["CARTWHEEL_DATA"])))
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        store.sender_email, store.postal_address = "hello@wren.example.com", "1 Market Street"
    assert cartwheel("publish", "Come back").output == "Come back is live (version 1).\n"
    for command, state in (("pause", "paused"), ("resume", "live"), ("stop", "stopping")):
        assert cartwheel(command, "Come back").exit_code == 0
        with app.db.read() as session:
            assert session.scalars(select(Campaign)).one().state == state
    app.close()


def test_a_name_that_is_not_there_is_one_clear_line(cartwheel: Cartwheel) -> None:
    found = cartwheel("draft", "nothing")
    assert found.exit_code == 2
    assert "There is no recipe called nothing" in found.output
