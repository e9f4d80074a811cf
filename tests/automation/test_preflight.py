"""What an admin should know before a campaign is published."""

from __future__ import annotations

from sqlalchemy import select

from automation import campaigns as definitions
from automation.actions import campaigns, offers
from automation.app import App
from automation.models import Offer, Store
from automation.preflight import findings
from tests import make
from tests.conftest import NOW


def _words(app: App, store: Store, recipe: str) -> list[str]:
    with app.db.write() as session:
        row = campaigns.create_from_recipe(app, session, store, recipe, NOW)
        campaigns.install_mails(app, session, row, NOW)
        found = findings(app, session, store.id, definitions.read(row.draft), NOW)
        assert not any(finding.forbids for finding in found)
        return [f"{finding.step_id}: {finding.words}" for finding in found]


def test_an_offer_without_codes_is_told_before_nobody_gets_the_mail(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
    nobody = "offer_1: the offer “free shipping” has no free code: the flow ends for everybody"
    assert nobody in _words(app, store, "free_shipping")
    assert "offer_1: the offer “birthday” has no free code: the flow goes on without one for everybody" in _words(
        app, store, "birthday"
    )
    with app.db.write() as session:
        offer = session.scalars(select(Offer).where(Offer.name == "free shipping")).one()
        offers.generate_codes(session, offer, 1, NOW)
    assert nobody not in _words(app, store, "free_shipping")


def test_a_store_hears_where_its_mails_would_go(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
    assert _words(app, store, "win_back") == [": no mail provider is connected: mails wait until there is one"]
    with app.db.write() as session:
        make.connection(app, session, store, "provider", "mailbox")
    assert _words(app, store, "win_back") == [": test mode: mails are kept in the mailbox here, and nobody gets them"]
