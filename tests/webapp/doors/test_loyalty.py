from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from automation.actions import loyalty
from automation.app import App
from automation.clock import TurnableClock
from automation.loyalty import ledger
from automation.loyalty.programme import Programme, Tier
from automation.models import Customer, Message, OfferCode, PointsEntry, Redemption, Referral, Store
from tests.automation.loyalty.test_ledger import line
from tests.automation.offers.test_holding import offer
from tests.conftest import NOW
from tests.webapp.doors.mailed import Mail

TIERS = (Tier(name="Silver", spend=10_000, perks="Free gift wrap."), Tier(name="Gold", spend=50_000))


@pytest.fixture
def rich(app: App, mail: Mail) -> Mail:
    """The mail of somebody with 100 points, in a shop that gives ten per cent for sixty of them."""
    with app.db.write() as session:
        ada = session.get_one(Customer, mail.customer_id)
        store = session.get_one(Store, ada.store_id)
        rules = Programme(is_on=True, tiers=TIERS, referrer=50, friend=20, friend_offer="ten")
        loyalty.save_programme(session, store.id, rules, NOW)
        ledger.add(session, [line(ada, 100, "first")], NOW)
        ten = offer(app, session, store, codes=2, valid_days=3)
        programme = rules.model_copy(update={"friend_offer": ten.name})
        loyalty.save_programme(session, store.id, programme, NOW)
        loyalty.save_reward(session, store.id, name="Ten percent", points=60, now=NOW, offer=ten)
        loyalty.save_reward(session, store.id, name="Tea party", points=900, now=NOW, note="Tea with us.")
        loyalty.save_reward(session, store.id, name="Silver spoon", points=5, now=NOW, note="A spoon.", least_rank=1)
    return mail


def rows(app: App, model: Any) -> list[Any]:
    with app.db.read() as session:
        found = list(session.scalars(select(model).order_by(model.id)))
        session.expunge_all()
    return found


def form(page: str) -> tuple[str, str]:
    """Where the first reward's form leads, and its key."""
    found = re.search(r'action="(/l/[^"]+/rewards/[^"]+)">\s*<input type="hidden" name="key" value="([^"]+)"', page)
    assert found, page
    return found[1], found[2]


def test_the_page_shows_balance_tier_rewards_and_history(web: FlaskClient, rich: Mail) -> None:
    answer = web.get(f"/l/{rich.token}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    for words in ('class="balance">100<', "€100.00 to Silver", "Free gift wrap.", "Tea party", "800 to go", "+100"):
        assert words in answer.text
    assert "for Silver and above" in answer.text
    assert answer.text.count("<button") == 2  # the reward in reach, and the invitation


def test_points_become_a_code_once_however_often_the_form_is_sent(web: FlaskClient, app: App, rich: Mail) -> None:
    to, key = form(web.get(f"/l/{rich.token}").text)
    for _ in range(3):
        assert web.post(to, data={"key": key}).status_code == 303
    (taken,) = rows(app, Redemption)
    (code,) = [c.code for c in rows(app, OfferCode) if c.id == taken.code_id]
    page = web.get(f"/l/{rich.token}").text
    assert code in page
    assert 'class="balance">40<' in page


def test_a_reward_out_of_reach_is_refused_in_words_and_costs_nothing(web: FlaskClient, app: App, rich: Mail) -> None:
    to, key = form(web.get(f"/l/{rich.token}").text)
    assert web.post(to, data={"key": key}).status_code == 303
    again = web.post(to, data={"key": "another-key-of-mine"})
    assert again.status_code == 422
    assert "not enough points" in again.text
    assert form_less_of(again.text)
    assert sum(e.points for e in rows(app, PointsEntry)) == 40
    nowhere = web.post(f"/l/{rich.token}/rewards/none", data={"key": "another-key-of-mine"})
    assert nowhere.status_code == 422
    assert web.post(to, data={}).status_code == 422


def form_less_of(page: str) -> bool:
    return not re.search(r"/rewards/[^\"]+/rewards/", page)


def test_opening_the_page_changes_nothing(web: FlaskClient, app: App, rich: Mail) -> None:
    before = len(rows(app, PointsEntry))
    web.get(f"/l/{rich.token}")
    with app.db.read() as session:
        assert (len(rows(app, PointsEntry)), session.scalar(select(Redemption.id))) == (before, None)


def test_old_forged_and_test_mails_links_spend_nothing(
    web: FlaskClient, app: App, rich: Mail, clock: TurnableClock
) -> None:
    to, key = form(web.get(f"/l/{rich.token}").text)
    forged = rich.token[:-1] + ("A" if rich.token[-1] != "A" else "B")
    assert web.get(f"/l/{forged}").status_code == 404
    assert web.post(to.replace(rich.token, forged), data={"key": key}).status_code == 404
    with app.db.write() as session:
        session.get_one(Message, rich.id).is_test = True
    assert web.post(to, data={"key": key}).status_code == 422
    clock.turn(timedelta(days=61))
    assert web.get(f"/l/{rich.token}").status_code == 404
    assert rows(app, Redemption) == []


def test_without_a_programme_there_is_no_page(web: FlaskClient, mail: Mail) -> None:
    assert web.get(f"/l/{mail.token}").status_code == 404


def test_a_friend_is_invited_gets_a_code_and_is_known_by_their_address(web: FlaskClient, app: App, rich: Mail) -> None:
    assert web.post(f"/l/{rich.token}/invitation").status_code == 303
    found = re.search(r"https://mail\.example\.com(/i/[A-Z0-9]+)", web.get(f"/l/{rich.token}").text)
    assert found
    link = found[1]
    assert "thinks you will like it here" in web.get(link).text
    assert rows(app, Referral) == []
    answer = web.post(link, data={"email": "Grace@Example.com"})
    (friend,) = rows(app, Referral)
    (given,) = [c.code for c in rows(app, OfferCode) if c.holder == f"referral:{friend.id}"]
    assert given in answer.text
    assert (friend.state, friend.friend_key) == ("pending", "grace@example.com")
    assert given in web.post(link, data={"email": "grace@example.com"}).text
    assert len(rows(app, Referral)) == 1


def test_whoever_invites_themselves_gets_no_code_and_is_told_nothing(web: FlaskClient, app: App, rich: Mail) -> None:
    web.post(f"/l/{rich.token}/invitation")
    with app.db.read() as session:
        own = session.get_one(Customer, rich.customer_id).email
    found = re.search(r"(/i/[A-Z0-9]+)", web.get(f"/l/{rich.token}").text)
    assert found
    answer = web.post(found[1], data={"email": own})
    assert answer.status_code == 200
    assert "Thank you. Order with this address" in answer.text
    (friend,) = rows(app, Referral)
    assert (friend.state, friend.signals) == ("rejected", ["self"])
    assert all(c.holder is None for c in rows(app, OfferCode))


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "x" * 400 + "@example.com"])
def test_what_is_no_address_is_said_so(web: FlaskClient, app: App, rich: Mail, email: str) -> None:
    web.post(f"/l/{rich.token}/invitation")
    found = re.search(r"(/i/[A-Z0-9]+)", web.get(f"/l/{rich.token}").text)
    assert found
    assert web.post(found[1], data={"email": email}).status_code == 422
    assert rows(app, Referral) == []
    assert web.get("/i/NOBODYS1").status_code == 404
