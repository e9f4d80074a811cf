"""No sweep reads a big table from end to end, whether much is due or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from automation.app import App
from tests.conftest import NOW
from tests.triggers.plans import crowd, read_from_end_to_end
from tests.triggers.sweeps import campaign

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("cart_abandoned", {}),
    ("date_anniversary", {}),
    ("date_anniversary", {"offset_days": -14, "leap_day": "mar_1"}),
    ("date_anniversary", {"of": "special_date", "name": "wedding"}),
    ("date_anniversary", {"of": "customer_since"}),
    ("date_anniversary", {"of": "first_order", "catch_up_hours": 12}),
    ("due_item", {"days": [-7, -1, 3]}),
    ("due_item", {"days": [-7, -1, 3], "at": "09:00"}),
    ("due_item", {"kinds": ["payment", "renewal"], "days": [], "hours": [-48, -2]}),
    ("welcome", {}),
    ("welcome", {"when": "known"}),
    ("first_purchase", {}),
    ("order_placed", {"which": "later"}),
    ("order_delivered", {}),
    ("order_delivered", {"transit_days": 4}),
    ("newsletter", {"schedule": {"every": "month", "day": 25}}),
    ("newsletter", {"schedule": {"every": "month", "day": 25}, "local_time": True}),
    ("feed_published", {"schedule": {"every": "month", "day": 25}}),
]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_every_kind_finds_who_is_due_by_an_index(app: App) -> None:
    store = crowd(app)
    found = {}
    for kind, settings in KINDS:
        with app.db.write() as session:
            campaign_id = campaign(app, session, store, kind, **settings).id
        for now in (NOW, NOW + timedelta(days=2000)):
            for limit in (1, 1000):
                tables = read_from_end_to_end(app, campaign_id, now, limit)
                if tables:
                    found[kind, str(settings), limit] = tables
    assert not found, "\n".join(f"{k}: {v}" for k, v in found.items())
