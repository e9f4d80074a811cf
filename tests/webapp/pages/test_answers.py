from __future__ import annotations

import re

from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.explaining import why
from automation.models import Campaign, Customer
from tests.conftest import NOW
from tests.webapp.pages.test_campaigns import words
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor


def test_a_customer_is_checked_by_address_or_id_with_the_sentences_of_why(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    with app.db.read() as session:
        ada = session.scalars(select(Customer).where(Customer.public_id == shop.ada)).one()
        campaign = session.scalars(select(Campaign).where(Campaign.public_id == shop.live)).one()
        answer = why(app, session, campaign, ada, NOW)
        email = ada.email or ""
    for asked in (email.upper(), shop.ada):
        page = words(keeper.get(f"/campaigns/{shop.live}/why?customer={asked}"))
        assert answer.verdict.replace("“", "“") in page
        for check in (*answer.campaign_checks, *answer.customer_checks, *answer.entry_checks):
            assert check.sentence[1:] in page


def test_whoever_the_store_does_not_know_is_said_so_and_what_was_typed_stays(keeper: Visitor, shop: Scene) -> None:
    answer = keeper.ask(f"/campaigns/{shop.live}/why?customer=nobody@example.com")
    assert answer.status_code == 404
    assert "knows no customer" in answer.text
    assert 'value="nobody@example.com"' in answer.text
    assert keeper.ask("/campaigns/none/why").status_code == 404


def test_an_onlooker_may_ask_too(onlooker: Visitor, shop: Scene) -> None:
    assert "Check a customer" in onlooker.get(f"/campaigns/{shop.draft}/why")


def test_a_draft_is_replayed_over_the_stores_history_and_nothing_is_written(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    page = keeper.get(f"/campaigns/{shop.live}/what-if?days=30")
    assert "Would have entered" in words(page)
    assert "data-chart=" in page
    entered = re.search(r"Would have entered</dt><dd>([\d,]+)", page)
    assert entered
    assert "Show the numbers" in page


def test_a_span_that_is_none_of_the_choices_replays_nothing(keeper: Visitor, shop: Scene) -> None:
    for days in ("", "0", "-1", "90000", "x"):
        page = keeper.get(f"/campaigns/{shop.live}/what-if?days={days}")
        assert "Would have entered" not in page


def test_a_second_replay_at_the_same_time_is_put_off(rooms: Flask, keeper: Visitor, shop: Scene) -> None:
    with rooms.extensions["cartwheel.replaying"]:
        answer = keeper.ask(f"/campaigns/{shop.live}/what-if?days=30")
    assert answer.status_code == 409
    assert "Another replay is under way" in answer.text
