from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import offers
from automation.app import App
from automation.models import Customer, Offer, OfferCode, OfferRefusal, Store
from automation.offers.guard import Refusal
from automation.offers.holding import Claim, Held, release, reserve
from automation.offers.terms import Terms
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted


def offer(app: App, session: Session, store: Store, codes: int = 3, **values: Any) -> Offer:
    """An offer of ten percent with so many codes."""
    terms = Terms.model_validate({"name": "ten", "label": "10 % off", **values})
    row = offers.save(app, session, store.id, terms, NOW)
    if codes and terms.supply == "pool":
        offers.generate_codes(session, row, codes, NOW)
    return row


def claims(people: list[Customer], run: str = "a") -> list[Claim]:
    return [Claim(f"{run}:{who.id}", who.id) for who in people]


def test_the_same_holder_gets_the_same_code_and_others_get_others(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store)
        people = [make.customer(session, store, name) for name in ("Ada", "Ben")]
        first = reserve(session, ten, store.id, claims(people), NOW)
        again = reserve(session, ten, store.id, claims(people), NOW + timedelta(days=1))
        assert first == again
        codes = {got.code for got in first.values() if isinstance(got, Held)}
        assert len(codes) == 2


def test_an_empty_pool_refuses_and_the_refusal_is_kept(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, codes=1)
        ada, ben = (make.customer(session, store, name) for name in ("Ada", "Ben"))
        got = reserve(session, ten, store.id, claims([ada, ben]), NOW)
        assert isinstance(got[f"a:{ada.id}"], Held)
        assert got[f"a:{ben.id}"] == Refusal("pool_empty", {})
        kept = session.scalars(select(OfferRefusal)).one()
        assert (kept.customer_id, kept.reason, kept.offer_id) == (ben.id, "pool_empty", ten.id)


def test_a_released_code_is_free_for_the_next(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, codes=1)
        ada, ben = (make.customer(session, store, name) for name in ("Ada", "Ben"))
        got = reserve(session, ten, store.id, claims([ada]), NOW)[f"a:{ada.id}"]
        assert isinstance(got, Held)
        release(session, [got.code_id])
        assert reserve(session, ten, store.id, claims([ben]), NOW)[f"a:{ben.id}"] == got


def test_one_code_for_everybody_never_runs_out_and_lasts_so_many_days(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, supply="shared", shared_code="SPRING", valid_days=3)
        people = [make.customer(session, store, name) for name in ("Ada", "Ben")]
        got = list(reserve(session, ten, store.id, claims(people), NOW).values())
        assert [g.code for g in got if isinstance(g, Held)] == ["SPRING", "SPRING"]
        # Tuesday noon in Berlin and three days: to the end of Friday.
        assert {g.expires_at for g in got if isinstance(g, Held)} == {NOW.replace(day=13, hour=23)}


def test_an_offer_that_is_over_or_withdrawn_or_unknown_is_refused(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        over = offer(app, session, store, ends_at=NOW)
        assert reserve(session, over, store.id, claims([ada]), NOW)[f"a:{ada.id}"].__class__ is Refusal
        gone = offer(app, session, store, name="gone")
        assert offers.withdraw(session, gone, NOW) == 3
        for row in (gone, None):
            assert reserve(session, row, store.id, claims([ada], "b"), NOW)[f"b:{ada.id}"] == Refusal("no_offer", {})


def test_a_thousand_customers_cost_as_many_statements_as_ten(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, codes=1010)
        people = [make.customer(session, store, f"n{n}", consent=False) for n in range(1010)]
        session.flush()
        with counted(app) as few:
            reserve(session, ten, store.id, claims(people[:10]), NOW)
        with counted(app) as many:
            got = reserve(session, ten, store.id, claims(people[10:]), NOW)
        assert len({g.code for g in got.values() if isinstance(g, Held)}) == 1000
        assert len(many) == len(few) < 15


def test_fifty_workers_never_give_one_code_twice(app: App) -> None:
    workers, each = 50, 3
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, codes=workers * each - 10)
        people = [make.customer(session, store, f"n{n}", consent=False).id for n in range(workers * each)]
        offer_id, store_id = ten.id, store.id

    def work(number: int) -> list[str]:
        mine = people[number * each : (number + 1) * each]
        with app.db.write() as session:
            row = session.get_one(Offer, offer_id)
            got = reserve(session, row, store_id, [Claim(f"w:{who}", who) for who in mine], NOW)
            return [g.code for g in got.values() if isinstance(g, Held)]

    with ThreadPoolExecutor(workers) as pool:
        given = [code for codes in pool.map(work, range(workers)) for code in codes]
    assert len(given) == workers * each - 10
    assert max(Counter(given).values()) == 1
    with app.db.read() as session:
        assert session.scalar(select(OfferCode.id).where(OfferCode.state == "free").limit(1)) is None
