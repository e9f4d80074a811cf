from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import OfferCode, OfferRefusal
from automation.step import Exit, Move, Next
from automation.steps.offer import GiveOffer, OfferSettings
from tests import make
from tests.automation.offers.test_holding import offer
from tests.automation.steps.desk import Desk, place
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("without", "move"), [("go_on", Next("without")), ("exit", Exit("no offer: no code was free"))]
)
def test_the_first_gets_the_only_code_and_the_other_goes_without(app: App, without: str, move: Move) -> None:
    with app.db.write() as session:
        store = make.store(session)
        offer(app, session, store, codes=1)
        origins = [
            make.about(session, who, "date_anniversary", who.id)
            for who in (make.customer(session, store, "Ada"), make.customer(session, store, "Ben"))
        ]
        desk = Desk()
        desk.session = session
        places = [place(n, enrolment_id=o["enrolment_id"], customer_id=o["subject_id"]) for n, o in enumerate(origins)]
        settings = OfferSettings.model_validate({"offer": "ten", "without": without})
        moves = GiveOffer().take(places, "s1", settings, desk)
        assert [moves[p.enrolment_id] for p in places] == [Next("with"), move]
        held = session.scalars(select(OfferCode).where(OfferCode.state == "reserved")).one()
        assert (held.enrolment_id, held.issued_at) == (places[0].enrolment_id, NOW)
        assert session.scalars(select(OfferRefusal.enrolment_id)).one() == places[1].enrolment_id
