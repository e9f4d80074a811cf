from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from automation.actions import personas
from automation.app import App
from automation.errors import NotAllowed, RuleBroken
from automation.insights.personas import portraying
from automation.insights.personas.portrait import Portrait, portray
from automation.models import Persona, Segment
from automation.segments import uses
from tests import make
from tests.automation.insights.value.shops import admin, fill, segment, settle
from tests.conftest import NOW

GERMAN = {"field": "country", "is": "is", "value": "DE"}


def test_a_portrait_says_who_when_what_how_much_how_and_which_mails(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        tea, cup = (
            make.product(session, store, "tea", category="Tea"),
            make.product(session, store, "cup", category="Cups"),
        )
        source = {"channel": "search", "device": "phone"}
        ada = make.customer(session, store, country="DE", locale="de", source=source)
        bob = make.customer(session, store, "Bob", country="DE", consent=False)
        make.customer(session, store, "Cleo", country="FR")
        # Sunday, 1 March 2026, 23:30 in Berlin; then a Monday.
        make.order(session, store, ada, datetime(2026, 3, 1, 22, 30, tzinfo=UTC), "a", products=(tea, cup), total=4000)
        make.order(session, store, ada, datetime(2026, 3, 2, 22, 30, tzinfo=UTC), "b", products=(tea,), total=2000)
        make.order(session, store, bob, NOW, "c", cancelled_at=NOW)
        found_by = segment(session, store, GERMAN)
        campaign = make.campaign(app, session, store)
        for n in range(20):
            clicked_at = NOW if n < 5 else None
            make.message(
                session, ada, campaign_id=campaign.id, state="delivered", accepted_at=NOW, clicked_at=clicked_at
            )
    settle(app)
    with app.db.read() as session:
        found = portray(session, store, session.get_one(Segment, found_by.id), NOW)
    assert (found.members, round(found.of_all, 3), found.buyers, found.may_be_mailed) == (2, 0.667, 1, 0.5)
    assert (found.orders, found.order_average, found.spent) == (2.0, 3000, 6000)
    assert [(s.name, s.count, s.share) for s in found.countries] == [("DE", 2, 1.0)]
    assert [s.name for s in found.channels + found.devices + found.languages] == ["search", "phone", "de"]
    assert [(s.name, s.count, s.share) for s in found.categories] == [("Tea", 2, 1.0), ("Cups", 1, 0.5)]
    assert (found.weekdays[6], found.weekdays[0], found.hours[23], sum(found.hours)) == (1, 1, 2, 2)
    assert [(s.count, s.share) for s in found.mails] == [(20, 0.25)]
    assert found.lifetime_value is not None


def test_statements_do_not_grow_with_the_members(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        fill(session, store, 30)
        some = segment(session, store, GERMAN)
        none = segment(session, store, {"field": "country", "is": "is", "value": "XX"}, "None")
    counted = []
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for one in (some, none):
        statements.clear()
        with app.db.read() as session:
            portray(session, store, session.get_one(Segment, one.id), NOW)
        counted.append(len(statements))
    assert counted[0] == counted[1]


def test_personas_are_portrayed_once_a_day(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, country="DE")
        row = personas.of_rule(session, store.id, GERMAN, personas.Described(name="Anna"), NOW, admin(session))
    settle(app)
    with app.db.read() as session:
        stored = session.get_one(Persona, row.id)
        assert (Portrait.model_validate(stored.portrait).members, stored.portrayed_at) == (1, NOW)
        assert [(use.kind, use.name) for use in uses(session, store.id, stored.segment_id)] == [("persona", "Anna")]
    assert portraying.refresh(app, NOW + timedelta(hours=23)) == 0
    assert portraying.refresh(app, NOW + timedelta(days=1)) == 1


def test_what_cannot_be_a_persona_is_refused_and_said(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session, name="Other")
        owner = admin(session)
        described = personas.Described(name="Anna")
        foreign = segment(session, other, GERMAN)
        with pytest.raises(NotAllowed, match="no such segment"):
            personas.of_segment(session, store.id, foreign.id, described, NOW, owner)
        with pytest.raises(RuleBroken):
            personas.of_rule(session, store.id, {"field": "shoe", "is": "is"}, described, NOW, owner)
        row = personas.of_rule(session, store.id, GERMAN, described, NOW, owner)
        with pytest.raises(NotAllowed, match="already"):
            personas.of_rule(session, store.id, GERMAN, described, NOW, owner)
        with pytest.raises(NotAllowed, match="already"):
            personas.of_segment(session, store.id, row.segment_id, described, NOW, owner)
        personas.remove(session, row, NOW, owner)
        session.flush()
        assert session.get(Segment, row.segment_id) is not None
        with pytest.raises(NotAllowed, match="gone"):
            personas.find(session, store.id, row.public_id)
