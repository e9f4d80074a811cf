from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import loyalty, offers
from automation.app import App
from automation.errors import NotAllowed
from automation.loyalty import ledger, rewards
from automation.loyalty.programme import Programme
from automation.models import Customer, LoyaltyAccount, Offer, OfferCode, PointsEntry, Redemption, Reward
from tests import make
from tests.automation.loyalty.test_ledger import balance, line
from tests.automation.offers.test_holding import offer
from tests.conftest import NOW


def scene(app: App, session: Session, *, points: int = 100, codes: int = 1, **reward: Any) -> tuple[Customer, Reward]:
    """A customer with points, and a reward for sixty of them that is an offer's code."""
    store = make.store(session)
    loyalty.save_programme(session, store.id, Programme(is_on=True), NOW)
    ada = make.customer(session, store)
    ledger.add(session, [line(ada, points, "first")], NOW)
    ten = offer(app, session, store, codes=codes, valid_days=3)
    values = {"name": "Ten percent", "points": 60, "offer": ten, **reward}
    return ada, loyalty.save_reward(session, store.id, now=NOW, **values)


def test_points_become_a_code_once_however_often_the_form_is_sent(app: App) -> None:
    with app.db.write() as session:
        ada, ten = scene(app, session, points=500, codes=3)
        first = rewards.redeem(session, ada, ten, "k1", NOW)
        assert rewards.redeem(session, ada, ten, "k1", NOW).id == first.id
        assert balance(session, ada) == 440
        (shown,) = rewards.redeemed(session, ada.id, "Europe/Berlin")
        code = session.get_one(OfferCode, first.code_id)
        assert (shown.code, shown.until, shown.is_used) == (code.code, "2026-03-13", False)
        # It was paid for: the guard's limit of one does not count here.
        rewards.redeem(session, ada, ten, "k2", NOW)
        assert balance(session, ada) == 380


def test_a_note_waits_until_the_store_has_done_it(app: App) -> None:
    with app.db.write() as session:
        ada, note = scene(app, session, name="Gift wrap", offer=None, note="We wrap your next parcel.")
        taken = rewards.redeem(session, ada, note, "k1", NOW)
        assert (taken.code_id, taken.done_at) == (None, None)
        loyalty.fulfil(session, taken, NOW)
        assert taken.done_at == NOW


def _poor(_session: Session, _ada: Customer, reward: Reward) -> None:
    reward.points = 101


def _low(_session: Session, _ada: Customer, reward: Reward) -> None:
    reward.least_rank = 1


def _ended(_session: Session, _ada: Customer, reward: Reward) -> None:
    reward.is_active = False


def _closed(session: Session, ada: Customer, _reward: Reward) -> None:
    loyalty.save_programme(session, ada.store_id, Programme(), NOW)


def _run_out(session: Session, _ada: Customer, reward: Reward) -> None:
    offers.withdraw(session, session.get_one(Offer, reward.offer_id), NOW)


def _erased(_session: Session, ada: Customer, _reward: Reward) -> None:
    ada.erased_at = NOW


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("not enough points", _poor),
        ("higher tier", _low),
        ("not given any more", _ended),
        ("closed", _closed),
        ("run out", _run_out),
        ("not for this customer", _erased),
    ],
)
def test_a_reward_that_cannot_be_given_costs_nothing(app: App, why: str, change: Any) -> None:
    with app.db.write() as session:
        ada, ten = scene(app, session)
        change(session, ada, ten)
        ids = ada.id, ten.id
    with pytest.raises(NotAllowed, match=why), app.db.write() as session:
        rewards.redeem(session, session.get_one(Customer, ids[0]), session.get_one(Reward, ids[1]), "k1", NOW)
    with app.db.read() as session:
        assert session.get_one(LoyaltyAccount, ids[0]).balance == 100
        assert session.scalars(select(PointsEntry.kind)).all() == ["earn"]
        assert session.scalars(select(Redemption)).all() == []
