from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select

from automation.app import build
from automation.models import Enrolment
from automation.settings import Settings
from tests import make
from tests.automation.commands.conftest import Cartwheel


@pytest.fixture
def settings(cartwheel: Cartwheel, environment: dict[str, str]) -> Settings:
    """A shop with a draft that nobody published, and a cart that was left yesterday."""
    cartwheel("migrate")
    found = Settings(data=Path(environment["CARTWHEEL_DATA"]))
    app = build(found)
    now = app.clock()
    with app.db.write() as session:
        store = make.store(session)
        row = make.campaign(app, session, store)
        row.state, row.live_version_id, row.live_since = "draft", None, None
        make.cart(session, store, make.customer(session, store), now - timedelta(days=1))
    app.close()
    return found


def test_a_backtest_says_what_a_draft_would_have_done_and_writes_nothing(
    cartwheel: Cartwheel, settings: Settings
) -> None:
    found = cartwheel("backtest", "cart", "--days", "3")
    assert found.exit_code == 0, found.output
    assert "1 times something fell due; 1 entries by 1 customers." in found.output
    assert "Send “cart_reminder_1” (mail_1)" in found.output
    assert "Note: Which things were in a cart is taken as it was left last" in found.output
    app = build(settings)
    with app.db.read() as session:
        assert session.scalar(select(func.count(Enrolment.id))) == 0
    app.close()


def test_machines_get_every_entrant_without_names_or_addresses(cartwheel: Cartwheel, settings: Settings) -> None:
    found = cartwheel("backtest", "cart", "--json")
    told = orjson.loads(found.stdout)
    assert (told["entered"], sum(day["entered"] for day in told["days"]), told["entrants"][0]["key"]) == (1, 1, "c1")
    assert "Ada" not in found.stdout
    assert "example.com" not in found.stdout


def test_a_campaign_that_is_not_there_is_one_clear_line(cartwheel: Cartwheel, settings: Settings) -> None:
    found = cartwheel("backtest", "birthday")
    assert found.exit_code == 2
    assert found.output.startswith("Error: There is no campaign 'birthday'")
