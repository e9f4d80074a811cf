from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from automation.app import App
from automation.consents import ConsentLine, note, standing
from automation.models import Consent, ConsentState
from tests import make
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def line(status: Any, source: str, hours: float = 0, **values: Any) -> ConsentLine:
    given: dict[str, Any] = {"store_id": 1, "customer_id": 1, **values}
    return ConsentLine(status=status, source=source, at=NOW - timedelta(days=30) + hours * HOUR, **given)


lines = st.builds(
    line,
    st.sampled_from(["granted", "withdrawn", "pending"]),
    st.sampled_from(["form", "import", "platform", "api", "unsubscribe", "complaint", "admin"]),
    st.integers(0, 6),
)


def verdict(*told: ConsentLine) -> str:
    answers = {(s.status, s.at) for s in (standing(order) for order in permutations(told))}
    assert len(answers) == 1, "the order of the lines changes what holds"
    return answers.pop()[0]


def test_the_newest_line_wins() -> None:
    assert verdict(line("granted", "platform", 1), line("withdrawn", "platform", 2)) == "withdrawn"
    assert verdict(line("withdrawn", "platform", 1), line("granted", "platform", 2)) == "granted"


def test_at_the_same_instant_what_protects_more_wins() -> None:
    assert verdict(line("granted", "form"), line("withdrawn", "platform"), line("pending", "form")) == "withdrawn"
    assert verdict(line("granted", "form"), line("pending", "form")) == "pending"


@pytest.mark.parametrize("source", ["platform", "import", "api", "demo"])
@pytest.mark.parametrize("by", ["unsubscribe", "complaint", "form", "admin"])
def test_no_sync_revives_who_withdrew_here(source: str, by: str) -> None:
    assert verdict(line("withdrawn", by, 1), line("granted", source, 5)) == "withdrawn"


def test_the_person_may_come_back() -> None:
    assert verdict(line("withdrawn", "unsubscribe", 1), line("granted", "form", 2)) == "granted"
    assert verdict(line("withdrawn", "complaint", 1), line("granted", "form", 2)) == "granted"
    assert verdict(line("withdrawn", "unsubscribe", 2), line("granted", "form", 1)) == "withdrawn"


def test_an_admin_lifts_an_unsubscription_but_no_complaint() -> None:
    assert verdict(line("withdrawn", "unsubscribe", 1), line("granted", "admin", 2)) == "granted"
    assert verdict(line("withdrawn", "complaint", 1), line("granted", "admin", 2)) == "withdrawn"


def test_after_the_person_came_back_syncs_count_again() -> None:
    back = (line("withdrawn", "unsubscribe", 1), line("granted", "form", 2))
    assert verdict(*back, line("withdrawn", "platform", 3)) == "withdrawn"
    assert verdict(*back, line("withdrawn", "platform", 3), line("granted", "platform", 4)) == "granted"


@given(st.lists(lines, min_size=1, max_size=5))
def test_any_order_of_the_same_lines_ends_in_one_standing(told: list[ConsentLine]) -> None:
    verdict(*told)


@given(st.lists(lines, min_size=1, max_size=8), st.sampled_from(["unsubscribe", "complaint"]))
def test_after_an_unsubscription_only_a_newer_form_or_admin_grants(told: list[ConsentLine], source: str) -> None:
    told = [*told, line("withdrawn", source, 3)]
    if standing(told).status == "granted":
        assert any(t.status == "granted" and t.source in {"form", "admin"} and t.at > told[-1].at for t in told)


def test_note_writes_the_ledger_and_the_state(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, consent=False)
        first = line("granted", "form", 1, store_id=store.id, customer_id=ada.id, wording="Yes!", ip="::1")
        assert note(session, [first], NOW) == 1
        state = session.get_one(ConsentState, (ada.id, "marketing"))
        assert (state.status, state.at) == ("granted", first.at)
        gone = line("withdrawn", "unsubscribe", 2, store_id=store.id, customer_id=ada.id)
        assert note(session, [gone], NOW) == 1
        assert session.get_one(ConsentState, (ada.id, "marketing")).status == "withdrawn"
        assert note(session, [replace(first, source="platform", at=NOW)], NOW) == 0
        assert session.get_one(ConsentState, (ada.id, "marketing")).status == "withdrawn"
        rows = session.scalars(select(Consent).order_by(Consent.id)).all()
        assert [(r.status, r.source, r.wording) for r in rows] == [
            ("granted", "form", "Yes!"),
            ("withdrawn", "unsubscribe", ""),
            ("granted", "platform", "Yes!"),
        ]


def test_a_line_told_twice_is_kept_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, consent=False)
        told = line("granted", "form", 1, store_id=store.id, customer_id=ada.id)
        assert note(session, [told, told], NOW) == 1
        assert note(session, [told], NOW + HOUR) == 0
        assert session.scalar(select(func.count()).select_from(Consent)) == 1


def test_an_instant_to_come_counts_as_now(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, consent=False)
        future = replace(line("granted", "form", store_id=store.id, customer_id=ada.id), at=NOW + 24 * HOUR)
        note(session, [future], NOW)
        note(session, [replace(future, status="withdrawn", source="platform", at=NOW + HOUR)], NOW + HOUR)
        assert session.get_one(ConsentState, (ada.id, "marketing")).status == "withdrawn"


def test_topics_and_customers_do_not_touch_one_another(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store), make.customer(session, store, "Bob")
        note(
            session,
            [
                ConsentLine(
                    store_id=store.id, customer_id=ada.id, topic="news", status="withdrawn", source="form", at=NOW
                )
            ],
            NOW,
        )
        assert session.get_one(ConsentState, (ada.id, "news")).status == "withdrawn"
        assert session.get_one(ConsentState, (ada.id, "marketing")).status == "granted"
        assert session.get_one(ConsentState, (bob.id, "marketing")).status == "granted"


def test_a_batch_takes_as_many_statements_as_one_line(app: App) -> None:
    counts: list[int] = []

    def count(at: datetime, many: int) -> int:
        seen: list[str] = []

        def hear(_c: Any, _u: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        with app.db.write() as session:
            store = make.store(session)
            people = [make.customer(session, store, f"P{many}x{n}", consent=False) for n in range(many)]
            told = [
                ConsentLine(store_id=store.id, customer_id=p.id, status="granted", source="form", at=at) for p in people
            ]
            event.listen(app.db.engine, "before_cursor_execute", hear)
            assert note(session, told, at) == many
            event.remove(app.db.engine, "before_cursor_execute", hear)
        return len(seen)

    counts = [count(NOW, 1), count(NOW, 200)]
    assert counts[0] == counts[1]


def implied(source: str, hours: float, lasts: float) -> ConsentLine:
    expires_at = NOW - timedelta(days=30) + (hours + lasts) * HOUR
    return line("granted", source, hours, basis="implied", expires_at=expires_at)


def expired(hours: float) -> ConsentLine:
    return line("withdrawn", "expiry", hours, basis="implied")


def test_an_implied_consent_holds_until_its_end_and_the_longest_one_counts() -> None:
    assert verdict(implied("purchase", 1, 24), implied("inquiry", 2, 6)) == "granted"
    assert verdict(implied("purchase", 1, 24), implied("inquiry", 2, 6), expired(8)) == "granted"
    assert verdict(implied("purchase", 1, 24), expired(25)) == "withdrawn"
    assert verdict(implied("purchase", 1, 24), expired(25), implied("purchase", 30, 24)) == "granted"


@pytest.mark.parametrize("source", ["form", "platform", "import", "unsubscribe", "admin"])
def test_what_they_said_themselves_stands_above_all_that_is_implied(source: str) -> None:
    assert verdict(line("withdrawn", source, 1), implied("purchase", 5, 24)) == "withdrawn"
    assert verdict(line("granted", source, 1), implied("purchase", 0, 24), expired(24)) == "granted"
    assert verdict(line("pending", source, 3), implied("purchase", 0, 24)) == "granted"
