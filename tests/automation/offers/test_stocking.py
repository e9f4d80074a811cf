"""Shops make codes ahead of time: outside transactions, the same ones again when no answer came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from automation.actions import offers
from automation.app import App
from automation.changes import Change
from automation.clock import TurnableClock
from automation.errors import BadSignature, Later, NotAllowed, Refused
from automation.models import Connection, Offer, OfferCode, Store
from automation.offers.stocking import PATIENCE
from automation.offers.terms import Terms
from automation.platform import CodeTerms, Envelope, Platform, PlatformSettings, Request
from automation.stages.issue import issue
from tests import make
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)


class Till(Platform):
    """A shop that makes codes, three at a time."""

    label = "Till"
    Settings = PlatformSettings
    kind = "till"
    code_batch = 3
    app: ClassVar[App]
    there: ClassVar[list[str]]
    asked: ClassVar[list[list[str]]]
    trouble: ClassVar[Exception | None]

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> Sequence[str]:
        assert (terms.kind, terms.value, terms.title) == ("percent", 10, "10 % off")
        with self.app.db.write() as session:
            # Somebody else may write meanwhile: no transaction is open while the shop is asked.
            session.scalars(select(Offer).with_for_update(nowait=True)).all()
        self.asked.append(list(codes))
        # One that is there already is there: it counts as made.
        self.there.extend(code for code in codes if code not in self.there)
        if self.trouble is not None:
            raise self.trouble
        return [code.lower() for code in codes]

    def open(self, request: Request, now: Any) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:  # noqa: ARG002  as above
        return []


def till(app: App, **terms: Any) -> tuple[App, type[Till], int]:
    """A store whose offer's codes are made by a till that is connected."""
    kind: type[Till] = type("Till2", (Till,), {"there": [], "asked": [], "trouble": None})
    app = replace(app, platforms={**app.platforms, "till": kind})
    kind.app = app
    with app.db.write() as session:
        store = make.store(session)
        connection = make.connection(app, session, store, "platform", "till")
        wanted = Terms.model_validate(
            {"name": "ten", "label": "10 % off", "supply": "shop", "keep_ahead": 5, "low_stock": 2, **terms}
        )
        row = offers.save(app, session, store.id, wanted, NOW, connection=connection)
        return app, kind, row.id


def stock(app: App) -> tuple[Counter[str], Offer]:
    with app.db.read() as session:
        states = Counter(session.scalars(select(OfferCode.state)))
        row = session.scalars(select(Offer)).one()
        session.expunge_all()
    return states, row


def test_the_shop_makes_what_is_missing_in_its_own_portions(app: App, clock: TurnableClock) -> None:
    app, shop, _ = till(app)
    assert issue(app, clock(), 10) == 3
    assert issue(app, clock(), 10) == 2
    assert [len(codes) for codes in shop.asked] == [3, 2]
    clock.turn(MINUTE)
    assert issue(app, clock(), 10) == 0
    states, row = stock(app)
    assert (states, row.trouble, row.low_since) == ({"free": 5}, "", None)


def test_codes_whose_answer_was_lost_are_asked_for_again_and_count_as_made(app: App, clock: TurnableClock) -> None:
    app, shop, _ = till(app)
    shop.trouble = Later("no answer")
    assert issue(app, clock(), 10) == 0
    assert (stock(app)[0], stock(app)[1].trouble) == ({"making": 3}, "no answer")
    shop.trouble = None
    clock.turn(PATIENCE)
    assert issue(app, clock(), 10) == 3
    assert sorted(shop.asked[0]) == sorted(shop.asked[1])
    assert issue(app, clock(), 10) == 2
    assert (stock(app)[0], len(shop.there)) == ({"free": 5}, 5)


def test_a_shop_that_refuses_is_asked_seldom_and_its_reason_is_kept(app: App, clock: TurnableClock) -> None:
    app, shop, _ = till(app)
    shop.trouble = Refused("no such discount")
    issue(app, clock(), 10)
    clock.turn(MINUTE)
    issue(app, clock(), 10)
    assert len(shop.asked) == 1
    assert stock(app)[1].trouble == "no such discount"


def test_a_disconnected_shop_is_said_to_make_no_codes(app: App) -> None:
    app, shop, _ = till(app)
    with app.db.write() as session:
        session.scalars(select(Connection)).one().state = "paused"
    assert issue(app, NOW, 10) == 0
    assert (shop.asked, stock(app)[1].trouble) == ([], "No connected shop makes codes for this offer.")


def test_a_pool_that_runs_low_is_an_alert_until_it_is_filled(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        terms = Terms.model_validate({"name": "ten", "label": "10 % off", "low_stock": 2})
        row = offers.save(app, session, store.id, terms, NOW)
        offers.generate_codes(session, row, 1, NOW)
    issue(app, clock(), 10)
    assert stock(app)[1].low_since == NOW
    with app.db.write() as session:
        offers.generate_codes(session, session.scalars(select(Offer)).one(), 1, NOW)
    issue(app, clock(), 10)
    assert stock(app)[1].low_since is None


def test_only_a_shop_that_can_is_chosen_to_make_codes(app: App) -> None:
    app, _, _ = till(app)
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        other = make.connection(app, session, make.store(session), "platform", "till")
        terms = Terms.model_validate({"name": "b", "label": "b", "supply": "shop"})
        for connection in (None, other):
            with pytest.raises(NotAllowed, match="Choose"):
                offers.save(app, session, store.id, terms, NOW, connection=connection)
