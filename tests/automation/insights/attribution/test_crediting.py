"""Attribution in the database: kept up as things become known, and worked out again, it is the same."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation import engagement
from automation.app import App
from automation.engagement import Hit
from automation.insights import hits
from automation.insights.attribution.explaining import explain
from automation.models import Attribution, Conversion, CustomerTouch, Message, MessageEvent, Order, OrderTouch, Store
from automation.models.touches import CREDIT
from automation.stages.attribute import attribute
from automation.upsert import table_of
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted

DAY = timedelta(days=1)
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def drain(app: App, limit: int = 7) -> None:
    while attribute(app, NOW, limit):
        pass


def everything(app: App) -> list[object]:
    """All that is derived."""
    with app.db.read() as session:
        found: list[object] = []
        for model, names in (
            (Conversion, CREDIT),
            (OrderTouch, ("order_id", "channel", "source", "device")),
            (CustomerTouch, ("customer_id", "is_stale", "first_at", "first_channel", "last_at", "last_channel")),
            (MessageEvent, ("id", "is_machine", "machine_reason")),
            (Message, ("id", "clicked_at", "opened_at")),
        ):
            key = next(iter(table_of(model).primary_key))
            rows = session.execute(select(*(table_of(model).c[name] for name in names)).order_by(key))
            found.append([tuple(row) for row in rows])
        return found


def policy(app: App, **values: object) -> None:
    with app.db.write() as session:
        session.execute(update(Store).values(policy=values))


@pytest.mark.parametrize("seed", range(3))
def test_what_was_kept_up_step_by_step_equals_what_is_worked_out_from_scratch(app: App, seed: int) -> None:
    dice = Random(seed)
    with app.db.write() as session:
        store = make.store(session)
        people = [make.customer(session, store, name) for name in ("Ada", "Ben", "Cy")]
        mails = [make.message(session, person) for person in people for _ in range(2)]
        names = [mail.public_id for mail in mails]
    for turn in range(40):
        at = NOW - 9 * DAY + timedelta(hours=6 * dice.randrange(36))
        what = dice.random()
        with app.db.write() as session:
            if what < 0.35:
                make.order(session, store, dice.choice(people), at, f"o{turn}", total=100 * turn)
            elif what < 0.75:
                span = timedelta(milliseconds=dice.choice([1, 100, 400]))
                agent = dice.choice([PERSON, PERSON, "GoogleBot/2.1"])
                name, kind = dice.choice(names), dice.choice(["click", "click", "open"])
                for step in range(dice.choice([1, 1, 1, 6])):
                    hit = Hit(name, kind, at + step * span, agent, "10.0.0.1", dice.choice([1, 2, 2, 0]))  # type: ignore[arg-type]  # one of the two
                    engagement.note(session, hit)
            elif found := session.scalars(select(MessageEvent.id).order_by(MessageEvent.id)).all():
                hits.rule(session, store.id, dice.choice(found), dice.choice(["person", "machine", ""]))
        if dice.random() < 0.4:
            attribute(app, NOW, 5)
    drain(app)
    kept_up = everything(app)
    with app.db.write() as session:
        for model in (Conversion, OrderTouch, CustomerTouch):
            session.query(model).delete()
        session.execute(update(Order).values(is_untraced=True))
        session.execute(update(MessageEvent).values(is_machine=False, machine_reason=""))
        session.execute(update(Message).values(clicked_at=None, opened_at=None))
        ids = session.scalars(select(Message.id)).all()
        # A verdict that stays "a person's" turns nothing, so the first clicks of those have to be found as well.
        hits.judge_messages(session, ids)
        hits._put_right(session, ids, NOW - 99 * DAY)
    drain(app)
    assert everything(app) == kept_up
    assert kept_up[0]


def _story(session: Session) -> tuple[Store, Message, Message]:
    store = make.store(session)
    ada = make.customer(session, store)
    early, late = make.message(session, ada), make.message(session, ada)
    make.hit(session, early, "click", NOW - 4 * DAY)
    make.hit(session, late, "open", NOW - DAY)
    for n in range(20):
        make.order(session, store, ada, NOW - 6 * DAY + n * DAY / 2, f"o{n}")
    return store, early, late


def credited(app: App) -> dict[int, tuple[int, str]]:
    with app.db.read() as session:
        return {row.order_id: (row.message_id, row.kind) for row in session.scalars(select(Conversion))}


def test_a_change_of_the_window_shows_only_when_all_orders_were_looked_at(app: App) -> None:
    with app.db.write() as session:
        store, early, late = _story(session)
    drain(app)
    before = credited(app)
    assert set(before.values()) == {(early.id, "click")}
    policy(app, attribution_days=1, attribution_opens=True)
    assert attribute(app, NOW, 8) == 8
    with app.db.read() as session:
        row = session.get_one(Attribution, store.id)
        assert (row.seconds, row.wanted_seconds, row.position is not None) == (5 * 86_400, 86_400, True)
    assert credited(app) == before
    with app.db.write() as session:  # meanwhile an order that was passed changes, and a new one comes
        first = session.scalars(select(Order).order_by(Order.id)).first()
        assert first is not None
        first.placed_at, first.is_untraced = NOW - 4 * DAY + DAY / 4, True
        new = make.order(session, store, None, NOW, "new")
        new.customer_id = early.customer_id
    attribute(app, NOW, 8)
    assert credited(app)[first.id] == (early.id, "click")
    assert credited(app)[new.id] == (early.id, "click")
    drain(app)
    after = credited(app)
    assert set(after.values()) == {(early.id, "click"), (late.id, "open")}
    assert after[first.id] == (early.id, "click")
    assert new.id not in after  # its click was four days before, its open a whole day
    with app.db.write() as session:
        session.query(Conversion).delete()
        session.execute(update(Order).values(is_untraced=True))
    drain(app)
    assert credited(app) == after


def test_more_orders_cost_no_more_statements(app: App) -> None:
    def cost(orders: int) -> int:
        with app.db.write() as session:
            session.execute(update(Order).values(is_untraced=False))
            ids = session.scalars(select(Order.id).limit(orders)).all()
            session.execute(update(Order).where(Order.id.in_(ids)).values(is_untraced=True))
        with counted(app) as statements:
            assert attribute(app, NOW, 100) == orders
        return len(statements)

    with app.db.write() as session:
        _story(session)
    drain(app)
    assert cost(8) == cost(20)


def test_an_explanation_names_the_click_and_says_what_spoke_against_the_others(app: App) -> None:
    with app.db.write() as session:
        store, early, late = _story(session)
        machine = make.hit(
            session, late, "click", NOW - 2 * DAY, agent="curl/8", is_machine=True, machine_reason="agent"
        )
    drain(app)
    with app.db.read() as session:
        order_id = session.scalars(select(Order.id).where(Order.external_id == "o11")).one()
        found = explain(session, store.id, order_id)
        assert found is not None
        assert found.winner is not None
        assert (found.winner.hit.message_id, found.is_current) == (early.id, True)
        assert [one.why_not for one in found.contenders] == ["Opens do not count", "Made by a program", ""]
        assert explain(session, store.id + 1, order_id) is None
    with app.db.write() as session:
        assert hits.rule(session, store.id, machine.id, "person")
    drain(app)
    with app.db.read() as session:
        found = explain(session, store.id, order_id)
        assert found is not None
        assert found.winner is not None
        assert (found.winner.hit.message_id, found.winner.ruling) == (late.id, "person")
    with app.db.write() as session:
        hits.rule(session, store.id, machine.id, "")
    drain(app)
    assert credited(app)[order_id] == (early.id, "click")
