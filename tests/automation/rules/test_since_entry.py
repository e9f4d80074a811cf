"""Windows since a customer's entry: in SQL as in words, and only where there is an entry."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import literal_column, select

from automation import bulk
from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.errors import CampaignBroken, RuleBroken
from automation.models import Campaign, Customer, Enrolment, Message
from automation.models.record import UTCDateTime
from automation.queue.beat import drain
from automation.rules import language
from automation.rules.english import sentence
from automation.rules.explain import explain
from automation.rules.sql import predicate
from automation.segments import count
from tests import make
from tests.conftest import NOW

SINCE: dict[str, Any] = {"since_entry": True}
ORDERED: dict[str, Any] = {"event": "order.placed", "within": SINCE}
MINUTE = timedelta(minutes=1)


def test_a_sentence_says_so() -> None:
    assert sentence(language.read(ORDERED)) == "they placed an order since they entered"
    assert sentence(language.read({"not": ORDERED})) == "they placed no order since they entered"


def test_rules_since_an_entry_hold_as_counting_by_hand_says(app: App) -> None:
    dice = Random(7)
    entries: list[dict[str, Any]] = []
    orders: dict[int, list[tuple[Any, int]]] = {}
    with app.db.write() as session:
        store = make.store(session)
        for n in range(30):
            who = make.customer(session, store, f"C{n}")
            orders[who.id] = []
            for k in range(dice.randint(0, 5)):
                at, total = NOW - dice.randint(-3, 12) * MINUTE, dice.choice((100, 2500))
                make.order(session, store, who, at, f"o{n}-{k}", total=total)
                orders[who.id].append((at, total))
            for _ in range(2):
                at = NOW - dice.randint(0, 12) * MINUTE
                entries.append({"id": len(entries) + 1, "customer_id": who.id, "entered_at": at})
    counted = {"event": "order.placed", "do": "count", "is": "is", "within": SINCE}
    summed = {"event": "order.placed", "do": "sum", "property": "total", "is": "more_than", "value": 2600}
    rules: dict[str, tuple[dict[str, Any], Any]] = {
        "any": (ORDERED, lambda found: len(found) >= 1),
        "none": ({"not": ORDERED}, lambda found: not found),
        "two": ({**counted, "value": 2}, lambda found: len(found) == 2),
        "zero": ({**counted, "value": 0}, lambda found: not found),
        "sum": ({**summed, "within": SINCE}, lambda found: sum(found) > 2600),
        "either": ({"any": [{**counted, "value": 3}, {**counted, "value": 1}]}, lambda found: len(found) in (1, 3)),
    }
    with app.db.read() as session:
        columns = [Enrolment.id, Enrolment.customer_id, Enrolment.entered_at]
        given = bulk.table(session, columns, entries)
        entry = literal_column("given.entered_at", UTCDateTime())
        for name, (rule, holds) in rules.items():
            found = session.scalars(
                select(given.c.id)
                .join(Customer, Customer.id == given.c.customer_id)
                .where(predicate(language.read(rule), NOW, entry=entry))
            ).all()
            truth = {
                e["id"]
                for e in entries
                if holds([total for at, total in orders[e["customer_id"]] if e["entered_at"] < at <= NOW])
            }
            assert set(found) == truth, name
            for e in entries[:6]:
                why = explain(session, language.read(rule), e["customer_id"], NOW, entered_at=e["entered_at"])
                assert why.holds == (e["id"] in truth), name


def test_where_nobody_entered_it_is_refused(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        with pytest.raises(RuleBroken, match="since_entry counts from a customer's entry into a campaign"):
            count(session, store.id, language.read(ORDERED), NOW)
        with pytest.raises(RuleBroken, match="since_entry"):
            count(session, store.id, language.read({"consent": "marketing", "within": SINCE}), NOW)
        row = make.campaign(app, session, store)
        row.draft = {**row.draft, "audience": ORDERED}
        with pytest.raises(CampaignBroken, match="audience: since_entry counts"):
            campaigns.publish(app, session, row, NOW)
    with pytest.raises(RuleBroken):
        language.read({"event": "order.placed", "within": {"since_entry": False}})


@pytest.mark.parametrize("place", ["exit", "goal", "branch"])
def test_a_campaign_sees_what_happened_since_each_entry(app: App, clock: TurnableClock, place: str) -> None:
    wait = {"id": "w", "kind": "wait", "settings": {"amount": 1, "unit": "days"}}
    mail = {"id": "m", "kind": "mail", "settings": {"template": "newsletter"}}
    changes: dict[str, Any] = {"flow": [wait, mail]}
    match place:
        case "exit":
            changes["exits"] = [{"rule": ORDERED}]
        case "goal":
            changes["goal"] = {"rule": ORDERED}
        case "branch":
            branch = {"id": "b", "kind": "branch", "settings": {"rule": ORDERED}, "branches": {"no": [mail]}}
            changes["flow"] = [wait, branch]
    with app.db.write() as session:
        store = make.store(session)
        people = [make.customer(session, store, name) for name in ("Before", "After")]
        kind = {"kind": "newsletter", "settings": {"send_at": NOW.isoformat()}}
        row = make.campaign(app, session, store, "newsletter", trigger=kind, mail_class="transactional", **changes)
        campaigns.publish(app, session, row, NOW)
        make.order(session, store, people[0], NOW - MINUTE, "before")
        campaign_id = row.id
    drain(app)
    with app.db.write() as session:
        make.order(session, store, people[1], NOW + MINUTE, "after")
    clock.turn(timedelta(days=1, minutes=5))
    drain(app)
    with app.db.read() as session:
        mailed = session.scalars(
            select(Customer.first_name).join(Message, Message.customer_id == Customer.id).order_by(Customer.id)
        ).all()
        left = session.scalars(select(Enrolment).where(Enrolment.customer_id == people[1].id)).one()
        assert session.get_one(Campaign, campaign_id).name
    assert mailed == ["Before"]
    if place == "exit":
        assert (left.state, left.exit_reason) == ("exited", "they placed an order since they entered")
    if place == "goal":
        assert left.state == "converted"
