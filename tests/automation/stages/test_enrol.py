"""Who may enter again: for each occurrence, once ever, or after a span; and who is held out."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from automation.app import App
from automation.clock import TurnableClock
from automation.dice import draw
from automation.errors import RuleBroken
from automation.models import Campaign, CampaignVersion, Enrolment, Event, Store
from automation.stages.enrol import enrol
from tests import make
from tests.automation.steps.flows import DAY, World, mail
from tests.conftest import NOW

POLICIES: dict[str, dict[str, Any]] = {"each": {}, "once": {"entry": "once"}, "spaced": {"cooldown_days": 2}}


@pytest.mark.parametrize("policy", POLICIES)
def test_entries_keep_the_policy_under_any_order_of_sweeps(app: App, clock: TurnableClock, policy: str) -> None:
    world = World(app, [mail("m")], **POLICIES[policy])

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6))
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(steps: list[tuple[int, int]]) -> None:
        with app.db.write() as session:
            session.execute(delete(Enrolment))
            session.execute(delete(Event))
        at = NOW
        for happened, swept in steps:
            world.happens(world.people[0], "began", at + timedelta(hours=happened))
            at += timedelta(hours=swept)
            enrol(app, at, 1000)
        with app.db.read() as session:
            entered = sorted(session.scalars(select(Enrolment.entered_at)))
            keys = session.scalars(select(Enrolment.key)).all()
        assert len(keys) == len(set(keys))
        if policy == "once":
            assert len(entered) <= 1
        if policy == "spaced":
            assert all(b - a >= 2 * DAY for a, b in pairwise(entered))

    holds()


def test_holdouts_of_campaign_and_store_are_drawn_in_the_statement(app: App, clock: TurnableClock) -> None:
    world = World(app, [mail("m")], people=40, holdout_percent=30)
    with app.db.write() as session:
        session.get_one(Store, world.store.id).policy = {"holdout_percent": 20}
    world.run()
    for place in world.places():
        by_campaign = draw(f"campaign {world.campaign.id}, holdout", place.customer_id) < 0.3
        by_store = draw(f"store {world.store.id}, holdout", place.customer_id) < 0.2
        assert (place.state == "held") == (by_campaign or by_store)


def test_the_store_holds_nobody_out_of_reminders(app: App, clock: TurnableClock) -> None:
    world = World(app, [mail("m")], people=20, mail_class="reminder")
    with app.db.write() as session:
        session.get_one(Store, world.store.id).policy = {"holdout_percent": 50}
    world.run()
    assert {p.state for p in world.places()} == {"finished"}


def test_a_sweep_that_finds_nobody_asks_one_thing_of_each_campaign(app: App, clock: TurnableClock) -> None:
    statements: list[str] = []
    world = World(app, [mail("m")])
    began = {"kind": "event_happened", "settings": {"event": "began"}}
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for more in (0, 1, 3):
        with app.db.write() as session:
            for _ in range(more):
                make.campaign(app, session, world.store, flow=[mail("m")], trigger=began)
        statements.clear()
        assert enrol(app, NOW + 60 * DAY, 1000) == 0
        counts.append(len(statements))
    assert [count - counts[0] for count in counts] == [0, 1, 4]


def test_a_campaign_that_cannot_be_asked_does_not_hold_up_those_before_it(app: App, clock: TurnableClock) -> None:
    good, broken = World(app, [mail("m")]), World(app, [mail("m")])
    with app.db.write() as session:
        live = session.get_one(Campaign, broken.campaign.id).live_version_id
        version = session.get_one(CampaignVersion, live)
        version.definition = version.definition | {"audience": {"segment": 4711}}
    with pytest.raises(RuleBroken, match="4711"):
        enrol(app, NOW, 1000)
    assert [place.campaign_id for place in good.places()] == [good.campaign.id]
