"""Codes: what is taken from a file, what is refused and why, and what becomes of them however things go."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from automation.actions import offers
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Enrolment, Message, OfferCode, Store
from automation.offers import codes
from automation.offers.holding import Claim, Held, reserve
from automation.stages.issue import issue
from automation.stages.settle import settle
from tests import make
from tests.automation.offers.test_holding import offer
from tests.automation.rendering.named import message
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def test_a_file_says_what_was_wrong_with_each_code_that_it_lost() -> None:
    found, report = codes.read(
        ["\ufeffCode,Note", "SPRING-1,for Ada", "  ", "spring-1", "TWO WORDS", "<b>", "X" * 65, "a\u0000b", "Grüße-7"]
    )
    assert [code for _, code in found.values()] == ["SPRING-1", "Grüße-7"]
    assert [(line, why) for line, _, why in report.refused] == [
        (4, "it stands in line 2 already"),
        (5, "it has a space or a control character in it"),
        (6, "it has a character in it that codes do not have"),
        (7, "it is longer than 64 letters"),
        (8, "it has a space or a control character in it"),
    ]


def test_an_import_takes_what_is_new_and_refuses_what_the_store_has(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session)
        ten = offer(app, session, store, codes=0)
        twenty = offer(app, session, store, codes=0, name="twenty")
        elsewhere = offer(app, session, other, codes=0)
        assert offers.import_codes(session, ten, ["A1", "B2"], NOW).added == 2
        report = offers.import_codes(session, twenty, ["code", "C3", "b2"], NOW)
        assert (report.added, report.refused) == (1, [(3, "b2", "the store has it already")])
        assert offers.import_codes(session, elsewhere, ["A1"], NOW).added == 1
        assert offers.counts(session, [ten.id, twenty.id]) == {ten.id: {"free": 2}, twenty.id: {"free": 1}}


def test_an_import_ends_at_the_most_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MOST", 2)
    found, report = codes.read(["A1", "B2", "C3", "D4"])
    assert (len(found), report.refused) == (2, [(3, "C3", "one import takes at most 2 codes")])


def test_only_a_pool_takes_codes(app: App) -> None:
    with app.db.write() as session:
        shared = offer(app, session, make.store(session), supply="shared", shared_code="ALL")
        with pytest.raises(NotAllowed, match="pool"):
            offers.import_codes(session, shared, ["A1"], NOW)
        with pytest.raises(NotAllowed, match="pool"):
            offers.generate_codes(session, shared, 3, NOW)


def test_drawn_codes_are_distinct_carry_the_prefix_and_nothing_to_misread(app: App) -> None:
    with app.db.write() as session:
        ten = offer(app, session, make.store(session), codes=0, prefix="WREN-")
        drawn = offers.generate_codes(session, ten, 300, NOW)
        assert len(set(drawn)) == 300
        assert {code[:5] for code in drawn} == {"WREN-"}
        assert not set("".join(code[5:] for code in drawn)) & set("AEIOU0125LSZ")
        with pytest.raises(NotAllowed, match="100,000"):
            offers.generate_codes(session, ten, 100_001, NOW)


TURNS = st.lists(
    st.tuples(st.sampled_from(("take", "mail", "send", "end", "use", "wait")), st.integers(0, 5)), max_size=24
)


@given(turns=TURNS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_things_go_a_code_is_one_runs_and_in_one_state(app: App, turns: list[tuple[str, int]]) -> None:
    """Six runs compete for four codes: they take, mail, end, buy and wait, in any order."""
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "mailbox")
        ten = offer(app, session, store, codes=4, valid_days=2, guard={"most": 0})
        pool = set(session.scalars(select(OfferCode.code).where(OfferCode.offer_id == ten.id)))
        people = [make.customer(session, store, f"n{random.random()}", consent=False) for _ in range(6)]
        runs = [make.about(session, who, "date_anniversary", who.id) for who in people]
        store_id, offer_id = store.id, ten.id
    now = NOW
    held: dict[int, str] = {}
    for what, n in turns:
        run = runs[n]["enrolment_id"]
        with app.db.write() as session:
            row = session.get_one(Store, store_id)
            match what:
                case "take":
                    holder = f"enrolment:{run}"
                    got = reserve(session, session.merge(ten), store_id, [Claim(holder, people[n].id, run)], now)
                    found = got[holder]
                    if isinstance(found, Held):
                        assert found.code in pool
                        assert held.setdefault(run, found.code) == found.code
                case "mail":
                    message(session, session.merge(people[n]), "offer", **runs[n]).created_at = now
                case "send":
                    session.execute(update(Message).where(Message.enrolment_id == run).values(state="accepted"))
                case "end":
                    session.execute(update(Enrolment).where(Enrolment.id == run).values(state="finished"))
                case "use":
                    if run in held:
                        buyer = session.merge(people[n])
                        make.order(session, row, buyer, now, f"o{random.random()}", codes=[held[run].lower()])
                case _:
                    now += (n + 1) * 6 * HOUR
        settle(app, now, 10)
        issue(app, now, 10)
        held = _check(app, offer_id, pool, held, now)


def _check(app: App, offer_id: int, pool: set[str], held: dict[int, str], now: datetime) -> dict[int, str]:
    """Every code stands once in the pool, in a state that fits what is known of it; answers who holds which."""
    with app.db.read() as session:
        rows = session.scalars(select(OfferCode).where(OfferCode.offer_id == offer_id)).all()
    assert sorted(row.code for row in rows) == sorted(pool)
    for row in rows:
        assert (row.state == "free") == (row.holder is None and row.redeemed_at is None), (row.code, row.state)
        assert (row.state == "redeemed") == (row.redeemed_at is not None)
        if row.state == "reserved":
            assert row.look_at is not None
        if row.state == "given":
            assert row.expires_at is None or row.expires_at > now
    owned = {row.enrolment_id: row.code for row in rows if row.enrolment_id is not None}
    # What a run still holds is what it was told first: released codes are nobody's any more.
    assert all(held.get(run, code) == code for run, code in owned.items())
    return {run: code for run, code in owned.items() if run is not None}
