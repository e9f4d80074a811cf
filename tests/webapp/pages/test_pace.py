"""The pace of a provider's connection: its rate, its warm-up with the plan of days, who stands in."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from automation.app import App
from automation.models import Connection, Store
from automation.pacing import pacing_of
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor, logged_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def postmark(app: App, store: Store) -> Connection:
    with app.db.write() as session:
        return make.connection(app, session, store, "provider", "postmark", NOW, server_token="t")


FORM = {
    "per_second": "20",
    "warm_up": "on",
    "warm_first": "500",
    "warm_full": "8000",
    "warm_days": "6",
    "warm_growth": "1.3",
    "warm_ceiling": "100000",
    "use": "share",
    "weight": "40",
    "order": "50",
    "fail_over_minutes": "5",
}


def test_a_warm_up_begins_today_and_shows_its_plan(app: App, owner: Visitor, postmark: Connection) -> None:
    path = f"/connections/{postmark.public_id}/pace"
    assert "Warm it up" in owner.get(path).text
    assert owner.post(path, FORM).status_code == 303
    with app.db.read() as session:
        kept = pacing_of(session.get_one(Connection, postmark.id))
    assert (kept.per_second, kept.warm_up_on, kept.use, kept.weight) == (20, date(2026, 3, 10), "share", 40)
    page = owner.get(path).text
    assert "day 1 of" in page
    assert ">500</td>" in page
    assert ">8,000</td>" in page


def test_what_makes_no_sense_is_said_beside_what_was_typed(app: App, owner: Visitor, postmark: Connection) -> None:
    path = f"/connections/{postmark.public_id}/pace"
    answer = owner.post(path, {**FORM, "warm_first": "9000"})
    assert answer.status_code == 422
    assert 'value="9000"' in answer.text
    assert "fewer mails than its first" in answer.text
    assert owner.post(path, {**FORM, "per_second": "-1"}).status_code == 422
    with app.db.read() as session:
        assert session.get_one(Connection, postmark.id).pacing == {}


def test_viewers_look_and_shops_and_other_stores_have_no_pace(
    site: Flask, app: App, owner: Visitor, store: Store, postmark: Connection
) -> None:
    viewer = logged_in(site, app, "viewer")
    assert viewer.get(f"/connections/{postmark.public_id}/pace").status_code == 200
    assert viewer.post(f"/connections/{postmark.public_id}/pace", FORM).status_code == 403
    with app.db.write() as session:
        shop = make.connection(app, session, store, "platform", "shopify", NOW, secret="s")
        other = make.connection(app, session, make.store(session, name="O"), "provider", "mailbox", NOW)
    for row in (shop, other):
        assert owner.get(f"/connections/{row.public_id}/pace").status_code == 404
