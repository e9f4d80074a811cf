"""A draft whose offer has no code yet: said on its page, and no reason not to publish it."""

from __future__ import annotations

from sqlalchemy import select

from automation.actions import campaigns
from automation.app import App
from automation.models import Store
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


def test_an_offer_without_codes_is_a_notice_and_no_flaw(app: App, owner: Visitor) -> None:
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        row = campaigns.create_from_recipe(app, session, store, "free_shipping", NOW)
        campaigns.install_mails(app, session, row, NOW)
        public_id = row.public_id
    page = owner.get(f"/campaigns/{public_id}").get_data(as_text=True)
    assert "The offer “free shipping” has no free code: the flow ends for everybody." in page
    assert "Not ready: the offer" not in page
    assert "must be set up" not in page
