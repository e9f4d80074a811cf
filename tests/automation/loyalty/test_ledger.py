from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed
from automation.loyalty import accounts, ledger
from automation.loyalty.ledger import Line, Standing
from automation.models import Customer, LoyaltyAccount, PointsEntry
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)


def line(who: Customer, points: int, key: str | None = None, kind: str | None = None, **values: Any) -> Line:
    found: Any = kind or ("earn" if points > 0 else "spend")
    defaults = {"reason": "test", "key": key}
    return Line(store_id=who.store_id, customer_id=who.id, kind=found, points=points, **{**defaults, **values})


def balance(session: Session, who: Customer) -> int:
    """What the account says, which is what the ledger says."""
    account = session.execute(
        select(LoyaltyAccount.balance).where(LoyaltyAccount.customer_id == who.id)
    ).scalar_one_or_none()
    total = session.scalar(select(func.sum(PointsEntry.points)).where(PointsEntry.customer_id == who.id))
    assert (account or 0) == (total or 0)
    return account or 0


def test_a_line_is_written_once(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        assert list(ledger.add(session, [line(ada, 50, "order:1")], NOW)) == ["order:1"]
        assert ledger.add(session, [line(ada, 50, "order:1"), line(ada, 5, "order:2")], NOW).keys() == {"order:2"}
        assert balance(session, ada) == 55


def test_nobody_spends_what_is_not_there(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        ledger.add(session, [line(ada, 100, "a")], NOW)
        spent = ledger.spend(session, [line(ada, -60, "x"), line(ada, -60, "y"), line(ada, -40, "z")], NOW)
        assert spent.keys() == {"x", "z"}
        assert balance(session, ada) == 0
        assert ledger.spend(session, [line(ada, -1, "w")], NOW) == {}


def test_points_that_have_expired_cannot_be_spent_before_they_are_taken_away(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        ledger.add(session, [line(ada, 100, "a", expires_at=NOW + DAY), line(ada, 30, "b")], NOW)
        later = NOW + 2 * DAY
        assert ledger.spend(session, [line(ada, -31, "x")], later) == {}
        assert ledger.spend(session, [line(ada, -30, "y")], later).keys() == {"y"}


def test_an_adjustment_needs_a_reason_and_never_takes_more_than_there_is(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        ledger.adjust(session, line(ada, 20, kind="adjust", reason="A late parcel"), NOW)
        with pytest.raises(NotAllowed, match="Say why"):
            ledger.adjust(session, line(ada, 20, kind="adjust", reason=" "), NOW)
        with pytest.raises(NotAllowed, match="20 points"):
            ledger.adjust(session, line(ada, -21, kind="adjust", reason="A mistake"), NOW)
        assert balance(session, ada) == 20


def test_the_database_itself_refuses_to_rewrite_the_ledger(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        ledger.add(session, [line(ada, 50, "a")], NOW)
        ben_id = ben.id
    for statement in ("UPDATE points_entries SET points = 500", "DELETE FROM points_entries"):
        with pytest.raises(DBAPIError, match="append-only"), app.db.write() as session:
            session.execute(text(statement))
    with app.db.write() as session:
        session.execute(text(f"UPDATE points_entries SET customer_id = {ben_id}"))


def test_writers_at_the_same_time_leave_the_balance_that_the_ledger_says(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        people = [make.customer(session, store, name, consent=False) for name in ("Ada", "Ben", "Cleo")]
        for who in people:
            ledger.add(session, [line(who, 100, f"first:{who.id}", expires_at=NOW + DAY)], NOW)
        session.expunge_all()

    def work(number: int) -> None:
        dice = random.Random(number)
        for turn in range(4):
            order = dice.sample(people, len(people))
            with app.db.write() as session:
                if dice.random() < 0.5:
                    ledger.add(session, [line(who, dice.randint(1, 9), f"e:{who.id}:{turn % 2}") for who in order], NOW)
                else:
                    taken = [line(who, -dice.randint(1, 40), f"s:{number}:{turn}:{who.id}") for who in order]
                    ledger.spend(session, taken, NOW)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    with app.db.read() as session:
        assert all(balance(session, who) >= 0 for who in people)
        keys = session.scalars(select(PointsEntry.key)).all()
        assert len(keys) == len(set(keys))


Turn = tuple[str, int, int]
LIFE = 4 * DAY
TURNS = st.lists(
    st.tuples(st.sampled_from(("earn", "spend", "wait")), st.integers(1, 40), st.integers(1, 5)), max_size=14
)


@given(turns=TURNS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_expires_is_what_a_box_of_lots_would_lose(app: App, turns: list[Turn]) -> None:
    """Against an oracle that keeps each lot and takes from the oldest: every point lives equally long."""
    with app.db.write() as session:
        who = make.customer(session, make.store(session), f"n{random.random()}", consent=False)
        lots: list[list[Any]] = []
        now, held = NOW, 0
        for number, (what, points, days) in enumerate(turns):
            match what:
                case "earn":
                    ledger.add(session, [line(who, points, f"{who.id}:{number}", expires_at=now + LIFE)], now)
                    lots.append([now + LIFE, points])
                case "spend":
                    done = ledger.spend(session, [line(who, -points, f"{who.id}:{number}")], now)
                    assert bool(done) == (sum(left for _, left in lots) >= points)
                    if done:
                        _take(lots, points)
                case _:
                    now += days * DAY
                    accounts.expire(session, [(who.store_id, who.id)], now)
                    lots = [lot for lot in lots if lot[0] > now]
            held = sum(left for _, left in lots)
            assert balance(session, who) == held
        found = ledger.standings(session, [who.id], now).get(who.id, Standing(0, 0, None))
        assert (found.available, found.overdue) == (held, 0)


def test_points_that_live_shorter_than_earlier_ones_are_kept_in_the_customers_favour(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        ledger.add(session, [line(ada, 1, "long", expires_at=NOW + 2 * DAY)], NOW)
        ledger.spend(session, [line(ada, -1, "x")], NOW)
        ledger.add(session, [line(ada, 1, "short", expires_at=NOW + DAY)], NOW)
        assert accounts.expire(session, [(ada.store_id, ada.id)], NOW + DAY) == 0
        assert accounts.expire(session, [(ada.store_id, ada.id)], NOW + 2 * DAY) == 1
        assert balance(session, ada) == 0


def _take(lots: list[list[Any]], points: int) -> None:
    for lot in sorted(lots, key=lambda lot: lot[0]):
        taken = min(points, lot[1])
        lot[1] -= taken
        points -= taken
