"""Thousands of random rules about small random stores: SQL, in sets and one by one, against the oracle."""

from __future__ import annotations

import os
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import Customer
from automation.rules import language
from automation.rules.english import sentence
from automation.rules.explain import Question, Reason
from automation.rules.language import Rule
from automation.rules.scope import Scope, zones_of
from automation.rules.sql import predicate
from tests.automation.rules.drawing import Draw
from tests.automation.rules.oracle import Oracle
from tests.automation.rules.world import World

WORLDS = 10
BATCHES, BATCH = int(os.environ.get("CARTWHEEL_TEST_RULES", "5200")) // 200, 20
"""10 × 26 × 20 = 5,200 rules on each of the two databases."""


@pytest.fixture
def worlds(app: App) -> list[World]:
    with app.db.write() as session:
        return [World(session, number) for number in range(1, WORLDS + 1)]


def _every(reason: Reason) -> list[Reason]:
    return [reason, *(node for part in reason.parts for node in _every(part))]


def _check(app: App, world: World, seed: int) -> None:
    draw = Draw(world, seed)
    raw = [draw.rule() for _ in range(BATCH)]
    rules = [language.read(value) for value in raw]
    with app.db.read() as session:
        scope = Scope(
            store_id=world.store_id,
            timezone=world.zone,
            rules={key: language.read(value) for key, value in draw.segments.items()},
            find_zones=lambda: zones_of(session, world.store_id),
        )
        questions = [Question(rule, world.now, scope, prefix=f"why{i}") for i, rule in enumerate(rules)]
        wholes = [predicate(rule, world.now, scope).label(f"whole_{i}") for i, rule in enumerate(rules)]
        columns = [column for question in questions for column in question.columns]
        # No two statements are alike: looking for one in the cache would only take time.
        statement = select(Customer.id, *wholes, *columns).where(Customer.store_id == world.store_id)
        rows = session.execute(statement, execution_options={"compiled_cache": None}).all()
    oracle = Oracle(world.now, world.zone, draw.segments)
    known = {row["id"]: row for row in world.customers}
    assert {row[0] for row in rows} == set(known)
    for row in rows:
        place = 1 + len(rules)
        for index, (value, rule, question) in enumerate(zip(raw, rules, questions, strict=True)):
            reason = question.answer(row[place : place + len(question.columns)])
            place += len(question.columns)
            _agree(value, rule, row[1 + index], reason, oracle.holds(value, known[row[0]]), known[row[0]])


def _agree(value: Any, rule: Rule, whole: Any, reason: Reason, truth: bool, who: Any) -> None:
    told = f"{orjson.dumps(value).decode()} of {who}"
    assert whole is not None, told
    assert bool(whole) == truth, told
    assert reason.holds == truth, f"explained otherwise: {told}"
    assert reason.sentence == sentence(rule)
    assert all(node.sentence for node in _every(reason))


def test_rules_hold_for_whom_they_say_in_sets_and_one_by_one(app: App, worlds: list[World]) -> None:
    for world in worlds:
        for batch in range(BATCHES):
            _check(app, world, world.base + batch)


def test_every_drawn_rule_survives_being_stored(app: App, worlds: list[World]) -> None:
    draw = Draw(worlds[0], 1)
    for _ in range(300):
        rule = language.read(draw.rule())
        assert language.read(orjson.loads(orjson.dumps(language.dump(rule)))) == rule
