"""A newsletter goes out once, to whom it is for at that hour."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Customer, Enrolment
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW


def entered(app: App) -> list[str]:
    """Names of everybody who is enrolled, after one sweep."""
    enrol(app, app.clock(), 1000)
    with app.db.read() as session:
        rows = session.scalars(select(Customer.first_name).join(Enrolment, Enrolment.customer_id == Customer.id))
        return sorted(rows)


def _send_at(hours: float) -> dict[str, object]:
    return {"kind": "newsletter", "settings": {"send_at": (NOW + timedelta(hours=hours)).isoformat()}}


def test_it_goes_to_everybody_who_agreed(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, "newsletter", trigger=_send_at(-1))
        make.customer(session, store, "Ada")
        make.customer(session, store, "Ben", consent=False)
        cleo = make.customer(session, store, "Cleo")
        make.agree(session, cleo, "withdrawn", NOW - timedelta(days=1))
        make.agree(session, make.customer(session, store, "Dan", consent=False), "pending")
    assert entered(app) == ["Ada"]


def test_it_goes_out_at_its_hour_and_never_again(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign = make.campaign(app, session, store, "newsletter", trigger=_send_at(2))
        make.customer(session, store, "Ada")
    clock.turn(timedelta(hours=2) - timedelta(seconds=1))
    assert entered(app) == []
    clock.turn(timedelta(seconds=1))
    assert entered(app) == ["Ada"]
    with app.db.write() as session:
        make.customer(session, store, "Ben", created_at=clock())
        assert session.get_one(Campaign, campaign.id).enrolled_at == clock()
    clock.turn(timedelta(hours=1))
    assert entered(app) == ["Ada"]


def test_published_without_an_hour_it_goes_out_at_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, "Ada", created_at=NOW - timedelta(days=60))
        campaign = make.campaign(app, session, store, "newsletter")
        assert campaign.draft["trigger"]["settings"] == {}
    # It was published thirty days ago: too late to catch up with.
    assert entered(app) == []
    with app.db.write() as session:
        from automation.actions import campaigns  # noqa: PLC0415  only this test publishes by hand

        campaigns.publish(app, session, session.get_one(Campaign, campaign.id), NOW)
    assert entered(app) == ["Ada"]


def test_an_audience_narrows_it(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        rule = {"field": "country", "is": "is", "value": "DE"}
        make.campaign(app, session, store, "newsletter", trigger=_send_at(-1), audience=rule)
        make.customer(session, store, "Ada", country="DE")
        make.customer(session, store, "Ben", country="FR")
        make.customer(session, store, "Cleo")
    assert entered(app) == ["Ada"]


def test_erased_customers_are_left_out(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, "newsletter", trigger=_send_at(-1))
        make.customer(session, store, "Ada", erased_at=NOW)
    assert entered(app) == []


def test_when_everybody_is_through_the_campaign_is_finished(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign = make.campaign(app, session, store, "newsletter", trigger=_send_at(-1))
    assert entered(app) == []
    with app.db.read() as session:
        assert session.get_one(Campaign, campaign.id).state == "finished"
