from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from automation.app import App
from automation.models import CustomerTier
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)
RANKS = ("", "bronze", "silver", "gold")
PATHS = {
    "Ada": ["bronze"],
    "Ben": ["bronze", "silver"],
    "Cleo": ["gold", "silver"],
    "Dan": ["silver", ""],
    "Eve": ["bronze", "bronze"],
    "Fay": ["bronze", "silver", "bronze"],
}
"""The tiers that customers came through, an hour apart; only the last line is recent."""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["Ada", "Ben"]),
        ({"direction": "down"}, ["Cleo", "Dan", "Fay"]),
        ({"direction": "any"}, ["Ada", "Ben", "Cleo", "Dan", "Fay"]),
        ({"tiers": ["silver"]}, ["Ben"]),
        ({"tiers": ["silver"], "direction": "any"}, ["Ben", "Cleo"]),
        ({"delay_hours": 2}, []),
    ],
    ids=str,
)
def test_who_changes_tier_the_way_that_is_meant_starts_it(
    app: App, settings: dict[str, Any], expected: list[str]
) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "tier_reached", **settings)
        for name, path in PATHS.items():
            who = make.customer(session, store, name)
            for n, tier in enumerate(reversed(path)):
                since = NOW - HOUR - n * timedelta(days=90)
                row = CustomerTier(
                    store_id=store.id, customer_id=who.id, tier=tier, rank=RANKS.index(tier), since=since
                )
                session.add(row)
    assert [name for name, _ in sweep(app)] == expected


def test_who_left_the_tier_again_is_left_alone(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "tier_reached")
        who = make.customer(session, store)
        for tier, since in (("gold", NOW - HOUR), ("", NOW)):
            rank = RANKS.index(tier)
            session.add(CustomerTier(store_id=store.id, customer_id=who.id, tier=tier, rank=rank, since=since))
    assert sweep(app) == []
