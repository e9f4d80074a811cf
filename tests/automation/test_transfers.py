"""Publishing while people are inside: everybody finishes, moves or leaves, and nobody is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from automation import campaigns as definitions
from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.errors import NotAllowed
from automation.models import Campaign, CampaignVersion, Message
from automation.transfers import Impact, destination
from tests.automation.steps.flows import DAY, World, mail, node

WAIT = node("w", "wait", amount=1, unit="days")
FLOW = [mail("m1"), WAIT, mail("m2"), node("w2", "wait", amount=1, unit="days"), mail("m3")]


def republish(world: World, flow: list[dict[str, Any]], inside: Any) -> None:
    with world.app.db.write() as session:
        row = session.get_one(Campaign, world.campaign.id)
        row.draft = {**row.draft, "flow": flow}
        campaigns.publish(world.app, session, row, world.app.clock(), inside=inside)


@pytest.mark.parametrize(
    ("inside", "then"),
    [("finish", ["m1", "m2", "m3"]), ("move", ["m1", "m3"]), ("exit", ["m1"])],
)
def test_those_inside_finish_move_or_leave(app: App, clock: TurnableClock, inside: str, then: list[str]) -> None:
    world = World(app, FLOW)
    world.run()
    republish(world, [mail("m1"), WAIT, mail("m3")], inside)
    for _ in range(3):
        clock.turn(DAY)
        world.run()
    assert world.mailed() == then


def test_the_impact_says_who_waits_where_and_where_they_would_go(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW, people=3)
    world.run()
    with app.db.write() as session:
        row = session.get_one(Campaign, world.campaign.id)
        assert campaigns.impact(session, row) == [Impact(1, "m2", 3, "stays", "m2")]
        row.draft = {**row.draft, "flow": [mail("m1"), WAIT, mail("m3")]}
        assert campaigns.impact(session, row) == [Impact(1, "m2", 3, "vanishes", "m3")]
        row.draft = {**row.draft, "flow": [mail("m1")]}
        assert campaigns.impact(session, row) == [Impact(1, "m2", 3, "vanishes", None)]


def test_who_has_nowhere_to_go_leaves_with_a_reason(app: App) -> None:
    world = World(app, FLOW)
    world.run()
    republish(world, [mail("m1")], "move")
    (place,) = world.places()
    assert (place.state, place.exit_reason) == ("exited", "its step is gone from the new version")


def test_who_stays_at_a_step_is_asked_again_by_the_new_one(app: App, clock: TurnableClock) -> None:
    def waiting(event: str) -> list[dict[str, Any]]:
        return [node("w", "wait_for", {"happened": [mail("yes")]}, event=event, amount=9)]

    world = World(app, waiting("one"))
    world.run()
    world.happens(world.people[0], "other", clock() + DAY / 24)
    clock.turn(DAY / 12)
    republish(world, waiting("other"), "move")
    world.run()
    assert world.mailed() == ["yes"]


def test_a_rollback_is_an_older_version_again_with_its_own_mails(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW)
    republish(world, [mail("m1")], "finish")
    with app.db.write() as session:
        row = session.get_one(Campaign, world.campaign.id)
        version = campaigns.rollback(app, session, row, 1, clock())
        first = session.scalars(select(CampaignVersion).where(CampaignVersion.number == 1)).one()
        assert (version.number, version.definition) == (3, first.definition)
        assert [n["id"] for n in row.draft["flow"]] == ["m1", "w", "m2", "w2", "m3"]
        with pytest.raises(NotAllowed, match="live already"):
            campaigns.rollback(app, session, row, 3, clock())
        with pytest.raises(NotAllowed, match="no version 9"):
            campaigns.rollback(app, session, row, 9, clock())


def test_a_rollback_keeps_changes_that_were_never_published(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW)
    republish(world, [mail("m1")], "finish")
    with app.db.write() as session:
        row = session.get_one(Campaign, world.campaign.id)
        row.draft = {**row.draft, "priority": 99}
        campaigns.rollback(app, session, row, 1, clock())
        assert row.draft["priority"] == 99


def test_a_duplicate_is_a_draft_and_steps_are_copied_under_new_ids(app: App, clock: TurnableClock) -> None:
    flow = [mail("m1"), node("b", "branch", {"yes": [mail("m2"), node("g", "go_to", step="m2")]}, rule={"event": "x"})]
    flow[1]["branches"]["yes"].insert(1, WAIT)
    world = World(app, flow)
    with app.db.write() as session:
        row = session.get_one(Campaign, world.campaign.id)
        copy = campaigns.duplicate(session, row, clock())
        assert (copy.state, copy.draft["flow"]) == ("draft", row.draft["flow"])
        (new,) = campaigns.copy_steps(app, session, row, ["b"], copy, clock(), after="m1")
        nodes = {n.id: n for n in definitions.walk(definitions.read(copy.draft).flow)}
        assert len(nodes) == 9
        inner = nodes[new].branches["yes"]
        assert inner[2].settings["step"] == inner[0].id != "m2"


_IDS = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=6)


@given(_IDS, _IDS)
@settings(max_examples=60)
def test_everybody_goes_to_the_next_step_that_survives(old: list[str], new: list[str]) -> None:
    before, after = (definitions.read({"trigger": {"kind": "x"}, "flow": [mail(i) for i in ids]}) for ids in (old, new))
    for number, step_id in enumerate(old):
        surviving = [i for i in old[number:] if i in new]
        assert destination(before, after, step_id) == (surviving[0] if surviving else None)


def test_moving_loses_and_doubles_nobody(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW, people=8)
    for flow in ([mail("m1"), WAIT, mail("m3")], [mail("m3"), WAIT, mail("m2"), mail("m1")], FLOW):
        world.run()
        republish(world, flow, "move")
        clock.turn(DAY)
    for _ in range(4):
        world.run()
        clock.turn(DAY)
    assert {p.state for p in world.places()} <= {"finished", "exited"}
    assert len(world.places()) == 8
    with app.db.read() as session:
        sent = session.execute(select(Message.enrolment_id, Message.step_id)).all()
    assert len(sent) == len(set(sent))
