"""Feedback in any order, grouping and repetition ends in one state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as sql_event
from sqlalchemy import select

from automation.app import App
from automation.changes import MAIL_EVENTS, MailEvent
from automation.models import (
    Consent,
    ConsentState,
    Customer,
    Message,
    MessageEvent,
    Suppression,
)
from tests import make
from tests.automation.mailed import DAY, SENT_AT, Shop, open_shop, soft_bounces, told


def picture(shop: Shop) -> Any:
    """Everything that the events have brought about, save the fence."""
    session = shop.session
    columns = [getattr(Message, c) for c in ("state", "reason", "provider_id", "claimed_by", "accepted_at")]
    columns += [getattr(Message, f"{c}_at") for c in ("delivered", "bounced", "complained", "opened", "clicked")]
    rows: list[Any] = [
        session.execute(select(*columns, Message.unsubscribed_at).order_by(Message.id)).all(),
        session.execute(select(Suppression.email_key, Suppression.reason, Suppression.at)).all(),
        sorted(session.execute(select(Consent.topic, Consent.status, Consent.source, Consent.at)).all()),
        sorted(session.execute(select(ConsentState.topic, ConsentState.status, ConsentState.at)).all()),
        sorted(session.scalars(select(MessageEvent.external_id)).all()),
        session.scalar(select(Customer.engaged_at)),
    ]
    return rows


def outcome(shop: Shop, batches: Iterable[Sequence[MailEvent]]) -> Any:
    savepoint = shop.session.begin_nested()
    for batch in batches:
        shop.apply(*batch)
    found = picture(shop)
    savepoint.rollback()
    return found


@st.composite
def told_events(draw: st.DrawFn) -> list[dict[str, Any]]:
    flags = [draw(st.booleans()) for _ in range(3)]
    names = draw(st.lists(st.sampled_from(MAIL_EVENTS), min_size=1, max_size=6))
    return [
        {
            "event": name,
            "at": draw(st.integers(-2, 12)),
            "is_machine": flags[0] and name in {"open", "click"},
            "is_policy": flags[1],
            "is_suppressed": flags[2],
            "external_id": f"e{n}",
        }
        for n, name in enumerate(names)
    ]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=told_events(),
    state=st.sampled_from(["submitting", "unknown", "claimed", "retry", "accepted", "rejected"]),
    data=st.data(),
)
def test_any_order_grouping_and_repetition_ends_in_one_state(
    app: App, given: list[dict[str, Any]], state: str, data: st.DataObject
) -> None:
    with app.db.write() as session:
        outer = session.begin_nested()
        shop = open_shop(app, session)
        message = shop.message(state, accepted_at=SENT_AT if state == "accepted" else None)
        events = [told(message, provider_id="p1", email="ada@example.com", **e) for e in given]
        expected = outcome(shop, [events])
        order = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
        cut = data.draw(st.integers(0, len(order)))
        assert outcome(shop, [order[:cut], order[cut:]]) == expected
        assert outcome(shop, [[event] for event in order]) == expected
        outer.rollback()


def test_every_order_of_the_weightiest_events_ends_in_one_state(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        names = ("accepted", "delivered", "hard_bounce", "complaint")
        events = [told(message, name, day) for day, name in enumerate(names)]
        found = [outcome(shop, [[event] for event in order]) for order in permutations(events)]
        assert all(f == found[0] for f in found)
        assert (found[0][0][0].state, found[0][0][0].reason) == ("complained", "complaint")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), delivery=st.sampled_from([-1, 5, 9, None]))
def test_any_order_of_soft_bounces_and_a_delivery_ends_in_one_state(
    app: App, data: st.DataObject, delivery: float | None
) -> None:
    with app.db.write() as session:
        outer = session.begin_nested()
        shop = open_shop(app, session)
        events = soft_bounces(shop, [0, 2, 4, 6, 8])
        if delivery is not None:
            events.append(told(shop.message(created_at=SENT_AT - 90 * DAY), "delivered", delivery))
        order = data.draw(st.permutations(events))
        found = outcome(shop, [[event] for event in order])
        assert found == outcome(shop, [events])
        assert bool(found[1]) == (delivery != 5)
        outer.rollback()


def test_a_batch_takes_as_many_statements_as_one_event(app: App) -> None:
    def count(many: int) -> int:
        seen: list[str] = []

        def hear(_c: Any, _u: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        with app.db.write() as session:
            shop = open_shop(app, session)
            events = []
            for n in range(many):
                shop.customer = make.customer(session, shop.store, f"C{n}")
                message = shop.message()
                names = ("delivered", "soft_bounce", "hard_bounce", "click", "unsubscribe", "complaint")
                events += [told(message, name, day) for day, name in enumerate(names)]
            sql_event.listen(app.db.engine, "before_cursor_execute", hear)
            assert shop.apply(*events) == 6 * many
            sql_event.remove(app.db.engine, "before_cursor_execute", hear)
        return len(seen)

    few = count(1)
    assert count(80) == few <= 20
