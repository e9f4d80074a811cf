"""Segments at work: counted, sampled, asked about one customer, and found where they are used."""

from __future__ import annotations

from datetime import timedelta

from automation import segments
from automation.app import App
from automation.models import Segment
from automation.rules import language
from automation.rules.scope import zones_of
from tests import make
from tests.conftest import NOW

BOUGHT = language.read({"event": "order.placed", "within": {"last_days": 30}})


def test_a_rule_is_counted_and_sampled_within_its_store(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session)
        people = [make.customer(session, store, name) for name in ("Ada", "Bob", "Cyd", "Dan")]
        for number, who in enumerate([*people[:3], make.customer(session, other, "Eve")]):
            at = NOW - timedelta(days=1)
            make.order(session, store if number < 3 else other, who, at, f"o{number}")
        people[1].erased_at = NOW
        store_id, ids = store.id, [who.id for who in people]
    with app.db.read() as session:
        assert segments.count(session, store_id, BOUGHT, NOW) == 2
        assert [m.email for m in segments.sample(session, store_id, BOUGHT, NOW)] == [
            "cyd@example.com",
            "ada@example.com",
        ]
        assert len(segments.sample(session, store_id, BOUGHT, NOW, 1)) == 1
        members = [segments.is_member(session, store_id, BOUGHT, i, NOW) for i in ids]
        assert members == [True, False, True, False]


def test_a_segment_says_where_it_is_used(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        times = {"created_at": NOW, "updated_at": NOW}
        vip = Segment(store_id=store.id, name="VIP", rule=language.dump(BOUGHT), **times)
        session.add(vip)
        session.flush()
        session.add(Segment(store_id=store.id, name="Others", rule={"not": {"segment": vip.id}}, **times))
        campaign = make.campaign(app, session, store, audience={"all": [{"segment": vip.id}]})
        campaign.draft = {**campaign.draft, "audience": None}
        make.campaign(app, session, store)
        store_id, vip_id, campaign_id = store.id, vip.id, campaign.id
    with app.db.read() as session:
        found = segments.uses(session, store_id, vip_id)
        assert segments.uses(session, store_id, vip_id + 99) == []
    assert [(use.kind, use.places) for use in found] == [("campaign", ("live: audience",)), ("segment", ("rule",))]
    assert found[0].id == campaign_id


def test_the_zones_of_a_store_are_found_without_reading_its_customers(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session)
        for number, zone in enumerate([None, "Europe/Berlin", "Asia/Tokyo", "Europe/Berlin", "", "UTC"]):
            make.customer(session, store, f"C{number}", timezone=zone)
        make.customer(session, other, "X", timezone="America/Lima")
        store_id, other_id = store.id, other.id
    with app.db.read() as session:
        assert zones_of(session, store_id) == {"Europe/Berlin", "Asia/Tokyo", "UTC"}
        assert zones_of(session, other_id) == {"America/Lima"}
        assert zones_of(session, other_id + 1) == frozenset()
