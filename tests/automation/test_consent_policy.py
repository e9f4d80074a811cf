from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select

from automation import engagement
from automation.app import App
from automation.changes import ConsentChanged, EventHappened, MailEvent, OrderChanged, Person
from automation.consent_policy import ConsentPolicy, Topic, months_later
from automation.consents import ConsentLine, note
from automation.delivery.claims import blocked
from automation.engagement import Hit
from automation.intake import record
from automation.models import (
    Connection,
    Consent,
    ConsentState,
    Customer,
    HitCount,
    Message,
    MessageEvent,
    Store,
)
from automation.rendering.compose import _links
from automation.stages.lapse import lapse
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)
ADA = Person(email="ada@example.com")


@pytest.fixture
def canada(app: App) -> Connection:
    """A shop of a store under Canada's law."""
    with app.db.write() as session:
        store = make.store(session, consent={"is_implied": True})
        return make.connection(app, session, store, "platform", "shopify", secret="shh", currency="EUR")


def buys(app: App, shop: Connection, at: datetime, number: str = "o1") -> None:
    with app.db.write() as session:
        order = OrderChanged(external_id=number, person=ADA, currency="EUR", total=500, placed_at=at)
        record(session, session.merge(shop), [order], max(at, NOW))


def standing(app: App) -> str | None:
    with app.db.read() as session:
        return session.scalars(select(ConsentState.status)).one_or_none()


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(1, 24))  # noqa: DTZ001  zones change nothing here
def test_months_later_is_that_many_months_and_never_a_day_more(at: datetime, months: int) -> None:
    later = months_later(at, months)
    assert (later.year * 12 + later.month) - (at.year * 12 + at.month) == months
    assert later.day <= at.day
    assert later.time() == at.time()


def test_a_purchase_is_consent_for_two_years_and_then_it_ends_by_itself(app: App, canada: Connection) -> None:
    buys(app, canada, NOW)
    end = datetime(2028, 3, 10, 12, 0, tzinfo=UTC)
    assert standing(app) == "granted"
    assert lapse(app, end - timedelta(seconds=1), 10) == 0
    assert lapse(app, end, 10) == 1
    assert standing(app) == "withdrawn"
    assert lapse(app, end, 10) == 0
    with app.db.read() as session:
        lines = [(c.status, c.source, c.basis, c.at) for c in session.scalars(select(Consent).order_by(Consent.id))]
    assert lines == [("granted", "purchase", "implied", NOW), ("withdrawn", "expiry", "implied", end)]
    buys(app, canada, end + DAY, "o2")
    assert standing(app) == "granted"


def test_an_inquiry_counts_for_half_a_year_and_shortens_nothing(app: App, canada: Connection) -> None:
    with app.db.write() as session:
        asked = EventHappened(name="support.contacted", person=ADA, at=NOW)
        other = EventHappened(name="product.viewed", person=Person(email="bob@example.com"), at=NOW)
        record(session, session.merge(canada), [asked, other], NOW)
    with app.db.read() as session:
        assert session.scalars(select(ConsentState.expires_at)).all() == [months_later(NOW, 6)]
    buys(app, canada, NOW - 30 * DAY)
    with app.db.read() as session:
        assert session.scalars(select(ConsentState.expires_at)).one() == months_later(NOW - 30 * DAY, 24)


def test_an_express_consent_never_expires_and_a_no_stands_above_purchases(app: App, canada: Connection) -> None:
    with app.db.write() as session:
        record(
            session, session.merge(canada), [ConsentChanged(person=ADA, status="granted", at=NOW, source="form")], NOW
        )
        record(
            session,
            session.merge(canada),
            [OrderChanged(external_id="o1", person=ADA, currency="EUR", total=1, placed_at=NOW)],
            NOW,
        )
    assert lapse(app, NOW + 4000 * DAY, 10) == 0
    assert standing(app) == "granted"
    with app.db.write() as session:
        no = ConsentChanged(person=ADA, status="withdrawn", at=NOW + DAY, source="unsubscribe")
        record(session, session.merge(canada), [no], NOW + DAY)
    buys(app, canada, NOW + 2 * DAY, "o2")
    assert standing(app) == "withdrawn"


def test_purchases_imply_nothing_where_the_store_is_under_another_law(app: App) -> None:
    with app.db.write() as session:
        shop = make.connection(app, session, make.store(session), "platform", "shopify", secret="s", currency="EUR")
    buys(app, shop, NOW)
    assert standing(app) is None


def test_no_mail_leaves_at_the_instant_at_which_consent_ends_even_before_it_is_written_down(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session), consent=False)
        line = ConsentLine(
            store_id=ada.store_id,
            customer_id=ada.id,
            status="granted",
            source="purchase",
            basis="implied",
            at=NOW - DAY,
            expires_at=NOW,
        )
        note(session, [line], NOW - DAY)
        message = make.message(session, ada)

        def why(at: datetime) -> str | None:
            return session.scalar(
                select(blocked(at))
                .select_from(Message)
                .join(Customer, Customer.id == Message.customer_id)
                .where(Message.id == message.id)
            )

        assert why(NOW - timedelta(seconds=1)) is None
        assert why(NOW) == "no_consent"


def test_an_implied_consent_says_when_it_ends_and_an_express_one_cannot() -> None:
    for wrong in ({"basis": "implied"}, {"expires_at": NOW}):
        with pytest.raises(ValidationError):
            ConsentChanged.model_validate({"person": ADA, "status": "granted", "at": NOW, **wrong})


def test_topics_have_keys_of_their_own() -> None:
    tea = Topic(key="tea", label="Tea")
    with pytest.raises(ValidationError):
        ConsentPolicy(topics=(tea, tea))
    with pytest.raises(ValidationError):
        ConsentPolicy(topics=(Topic(key="tracking", label="x"),))


@pytest.mark.parametrize(
    ("mode", "wish", "kept", "counted"),
    [
        ("individual", None, 2, 0),
        ("individual", "withdrawn", 0, 2),
        ("aggregate", None, 0, 2),
        ("off", None, 0, 0),
    ],
)
def test_hits_are_kept_counted_or_neither(app: App, mode: str, wish: str | None, kept: int, counted: int) -> None:
    with app.db.write() as session:
        store = make.store(session, consent={"tracking": mode})
        ada = make.customer(session, store)
        message = make.message(session, ada)
        if wish:
            no = ConsentLine(
                store_id=store.id, customer_id=ada.id, status="withdrawn", source="form", at=NOW, topic="tracking"
            )
            note(session, [no], NOW)
        for n in range(2):
            engagement.note(
                session,
                Hit(
                    message.public_id,
                    "click",
                    NOW + n * DAY,
                    "Mozilla/5.0 Firefox",
                    "192.0.2.1",
                    3,
                    "https://x.example",
                ),
            )
    with app.db.read() as session:
        assert len(session.scalars(select(MessageEvent)).all()) == kept
        hits = session.scalars(select(HitCount)).all()
        assert sum(hit.count for hit in hits) == counted
        assert {hit.link for hit in hits} <= {3}
        clicked_at, engaged_at = session.execute(
            select(Message.clicked_at, Customer.engaged_at).join(Customer, Customer.id == Message.customer_id)
        ).one()
        assert (clicked_at is not None, engaged_at is not None) == (kept > 0, kept > 0)


def test_a_provider_that_follows_people_all_the_same_is_not_listened_to(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session, consent={"tracking": "aggregate"})
        provider = make.connection(app, session, store, "provider", "mailbox")
        message = make.message(session, make.customer(session, store), state="accepted", accepted_at=NOW)
        told = [
            MailEvent(event=e, message_id=message.public_id, at=NOW, external_id=e)
            for e in ("open", "click", "delivered")
        ]
        record(session, provider, told, NOW)
        assert session.scalars(select(MessageEvent.type)).all() == ["delivered"]


def test_without_tracking_a_mail_asks_for_no_picture() -> None:
    with_pixel = _links({"base_url": "https://m.example"}, "t").pixel
    assert with_pixel == "https://m.example/o/t.gif"
    assert _links({"base_url": "https://m.example", "tracking": "off"}, "t").pixel.startswith("data:image/gif")


def test_a_stores_rules_are_the_defaults_until_it_says_otherwise(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        assert session.get_one(Store, store.id).consent == {}
    assert [topic.key for topic in ConsentPolicy().topics] == ["marketing"]
