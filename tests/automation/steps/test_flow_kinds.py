"""Steps at work in a flow: branches, splits, tests, tags, notices, circles, goals and what ends a way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from automation.app import App
from automation.clock import TurnableClock
from automation.errors import CampaignBroken
from automation.models import ArmPick, Customer, Message, Notice, Trial
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from automation.waking import stir
from tests.automation.steps.flows import DAY, HOUR, World, mail, node
from tests.conftest import NOW


def test_a_branch_asks_its_rule_of_everybody_in_one_statement(app: App, clock: TurnableClock) -> None:
    rule = {"event": "vip"}
    world = World(app, [node("b", "branch", {"yes": [mail("gold")], "no": [mail("plain")]}, rule=rule)], people=40)
    world.happens(world.people[0], "vip", NOW)
    enrol(app, clock(), 1000)
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for limit in (1, 39):
        statements.clear()
        advance(app, clock(), limit)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert [world.mailed(i) for i in (0, 1, 39)] == [["gold"], ["plain"], ["plain"]]


def test_a_split_sends_each_customer_one_way_and_writes_it_down(app: App) -> None:
    arms = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    world = World(app, [node("s", "split", {"a": [mail("in_a")], "b": [mail("in_b")]}, arms=arms)], people=60)
    world.run()
    counted = Counter(tuple(world.mailed(i)) for i in range(60))
    assert set(counted) == {("in_a",), ("in_b",)}
    with app.db.read() as session:
        picks = Counter(session.scalars(select(ArmPick.arm)))
    assert picks["a"] == counted["in_a",]


def test_tags_and_attributes_are_seen_by_the_next_branch(app: App) -> None:
    flow = [
        node("t", "tag", add=["gold"], remove=["old"]),
        node("a", "attribute", name="size", value=42),
        node("b", "branch", {"yes": [mail("yes")]}, rule={"field": "tags", "is": "has", "value": "gold"}),
    ]
    world = World(app, flow)
    with app.db.write() as session:
        session.get_one(Customer, world.people[0].id).tags = ["old", "kept"]
    world.run()
    assert world.mailed() == ["yes"]
    with app.db.read() as session:
        person = session.get_one(Customer, world.people[0].id)
    assert (person.tags, person.attributes) == (["kept", "gold"], {"size": 42})
    assert person.own_tags == [["old", False], ["gold", True]]


def test_a_notice_is_left_once(app: App) -> None:
    world = World(app, [node("n", "notify", text="Call them")])
    world.run()
    with app.db.read() as session:
        notice = session.scalars(select(Notice)).one()
    assert (notice.text, notice.customer_id) == ("Call them", world.people[0].id)


def test_wait_until_keeps_the_hour_where_the_customer_lives(app: App, clock: TurnableClock) -> None:
    world = World(app, [node("u", "wait_until", at="09:00", weekdays=["thu"]), mail("m")])
    world.run()
    (place,) = world.places()
    assert place.due_at.isoformat() == "2026-03-12T08:00:00+00:00"  # Thursday, nine in Berlin


@pytest.mark.parametrize("again", [False, True])
def test_going_back_sends_again_only_where_the_flow_says_so(app: App, clock: TurnableClock, again: bool) -> None:
    flow = [mail("m"), node("w", "wait", amount=1, unit="days"), node("g", "go_to", step="m", at_most=2, again=again)]
    world = World(app, flow)
    for _ in range(6):
        world.run()
        clock.turn(DAY)
    assert world.mailed() == ["m"] * (3 if again else 1)
    assert [p.state for p in world.places()] == ["finished"]


def test_a_circle_without_a_wait_is_refused(app: App) -> None:
    with pytest.raises(CampaignBroken, match="circle"):
        World(app, [mail("m"), node("g", "go_to", step="m")])
    with pytest.raises(CampaignBroken, match="no step nowhere"):
        World(app, [mail("m"), node("g", "go_to", step="nowhere")])


def test_a_goal_ends_the_way_with_its_mark_also_behind_the_last_step(app: App, clock: TurnableClock) -> None:
    flow = [mail("m"), node("w", "wait", amount=2, unit="days"), mail("n")]
    world = World(app, flow, people=3, goal={"event": "bought", "within_days": 7})
    world.run()
    world.happens(world.people[0], "bought", NOW + HOUR)
    clock.turn(2 * DAY)
    world.run()
    world.happens(world.people[1], "bought", NOW + 4 * DAY)
    world.happens(world.people[2], "bought", NOW + 8 * DAY)
    clock.turn(8 * DAY)
    world.run()
    assert [(p.state, p.goal_at) for p in world.places()] == [
        ("converted", NOW + HOUR),
        ("converted", NOW + 4 * DAY),
        ("finished", None),
    ]
    assert (world.mailed(0), world.mailed(1)) == (["m"], ["m", "n"])


def test_an_exit_rule_is_asked_before_every_step(app: App, clock: TurnableClock) -> None:
    exits = [{"rule": {"event": "complained"}, "reason": "has complained"}]
    world = World(app, [mail("m"), node("w", "wait", amount=1, unit="days"), mail("n")], people=2, exits=exits)
    world.run()
    world.happens(world.people[0], "complained", NOW + HOUR)
    clock.turn(DAY)
    world.run()
    assert [(p.state, p.exit_reason) for p in world.places()] == [("exited", "has complained"), ("finished", "")]


def test_who_is_held_out_gets_nothing_and_is_counted_apart(app: App) -> None:
    world = World(app, [node("h", "hold_out", percent=50), mail("m")], people=40, holdout_percent=40)
    world.run()
    states = Counter((p.state, p.exit_reason.partition(",")[0]) for p in world.places())
    assert set(states) == {("held", "held out of the campaign"), ("held", "held out at a step"), ("finished", "")}
    assert sum(bool(world.mailed(i)) for i in range(40)) == states["finished", ""]


def test_a_test_holds_the_rest_back_until_the_winner_is_known(app: App, clock: TurnableClock) -> None:
    flow = [
        node(
            "t",
            "ab_test",
            {"a": [mail("in_a")], "b": [mail("in_b")]},
            arms=["a", "b"],
            test_percent=50,
            after_hours=4,
            at_least=5,
        )
    ]
    world = World(app, flow, people=60)
    world.run()
    first = [world.mailed(i) for i in range(60)]
    held = [i for i, steps in enumerate(first) if not steps]
    assert 10 < len(held) < 50
    with app.db.write() as session:
        for message in session.scalars(select(Message).where(Message.step_id == "in_b")):
            message.clicked_at = NOW + HOUR
    clock.turn(4 * HOUR)
    world.run()
    assert all(world.mailed(i) == ["in_b"] for i in held)
    with app.db.read() as session:
        trial = session.scalars(select(Trial)).one()
    assert (trial.winner, trial.decided_at) == ("b", NOW + 4 * HOUR)


def test_with_too_few_people_nobody_wins_and_nobody_is_forgotten(app: App, clock: TurnableClock) -> None:
    flow = [
        node("t", "ab_test", {"a": [mail("in_a")], "b": [mail("in_b")]}, test_percent=30, after_hours=1, at_least=1000)
    ]
    world = World(app, flow, people=20)
    world.run()
    clock.turn(timedelta(hours=1))
    world.run()
    assert all(world.mailed(i) for i in range(20))
    with app.db.read() as session:
        assert session.scalars(select(Trial)).one().winner is None


def test_a_goal_met_during_a_wait_ends_the_way_at_once_and_nothing_else_cuts_the_wait_short(
    app: App, clock: TurnableClock
) -> None:
    flow = [node("w", "wait", amount=3, unit="days"), mail("late")]
    goal = {"event": "bought", "where": [{"property": "size", "is": "is", "value": 42}], "within_days": 7}
    world = World(app, flow, people=3, goal=goal)
    world.run()
    due_at = world.places()[0].due_at
    clock.turn(HOUR)
    for person, name, size in zip(world.people, ("bought", "bought", "looked"), (42, 41, 42), strict=True):
        world.happens(person, name, clock(), size=size)
        with app.db.write() as session:
            stir(session, [(person.id, name)], clock())
    world.run()
    assert [(p.state, p.goal_at) for p in world.places()] == [
        ("converted", clock()),
        ("active", None),
        ("active", None),
    ]
    # Whoever bought something else is woken, sees that it was not the goal, and waits on; also for the next time.
    assert [p.due_at for p in world.places()[1:]] == [due_at, due_at]
    clock.turn(HOUR)
    world.happens(world.people[1], "bought", clock(), size=42)
    with app.db.write() as session:
        stir(session, [(world.people[1].id, "bought")], clock())
    world.run()
    assert [p.state for p in world.places()] == ["converted", "converted", "active"]
    clock.turn(due_at - clock())
    world.run()
    assert [world.mailed(i) for i in range(3)] == [[], [], ["late"]]


def test_who_is_woken_while_nobody_works_still_waits_until_the_time_that_was_set(
    app: App, clock: TurnableClock
) -> None:
    flow = [node("w", "wait", amount=3, unit="days"), node("v", "wait", amount=1, unit="days"), mail("late")]
    world = World(app, flow, goal={"event": "bought", "where": [{"property": "n", "is": "is", "value": 1}]})
    world.run()
    due_at = world.places()[0].due_at
    with app.db.write() as session:
        stir(session, [(world.people[0].id, "bought")], clock.turn(HOUR))
    clock.turn(due_at - clock())
    world.run()
    assert world.places()[0].due_at == due_at + DAY
