"""Every recipe goes live as it is, and one customer of each family really gets its mail through the belt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import campaigns, offers
from automation.app import App
from automation.campaigns import walk
from automation.clock import TurnableClock
from automation.discovery import plugged_in
from automation.models import (
    Customer,
    CustomerTier,
    DueItem,
    Enrolment,
    Message,
    Offer,
    PointsEntry,
    Rendering,
    Segment,
    SegmentMember,
    SpecialDate,
    Store,
    Template,
)
from automation.queue.beat import drain
from automation.recipes import recipes
from automation.rendering.again import again
from tests import make
from tests.conftest import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
"""Half past ten in Berlin."""


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_says_what_it_is(name: str) -> None:
    recipe = recipes()[name]
    assert 3 <= len(recipe.title) <= 40
    assert recipe.description[0].isupper()
    assert recipe.description.endswith(".")
    assert len(recipe.description) <= 120
    assert recipe.icon


def test_every_trigger_that_begins_something_has_a_recipe(app: App) -> None:
    assert plugged_in("cartwheel.triggers")
    used = {recipe.definition.trigger.kind for recipe in recipes().values()}
    assert set(app.triggers) == used


def test_every_recipe_can_be_published_in_a_store_that_is_set_up(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        rows = [campaigns.create_from_recipe(app, session, store, name, NOW) for name in recipes()]
        for row in rows:
            campaigns.install_mails(app, session, row, NOW)
        assert {row.name: campaigns.problems(app, session, row, NOW) for row in rows} == {row.name: [] for row in rows}
        for row in rows:
            campaigns.publish(app, session, row, NOW)
        assert {row.state for row in rows} == {"live"}


def test_a_recipe_brings_its_segment_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        first, second = (campaigns.create_from_recipe(app, session, store, "sunset", NOW) for _ in range(2))
        segment = session.scalars(select(Segment)).one()
        assert segment.name == "Gone quiet"
        assert [row.draft["trigger"]["settings"]["segment"] for row in (first, second)] == [segment.id] * 2


def test_a_recipe_brings_its_offer_once_and_without_codes_the_flow_goes_on(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session, currency="SEK")
        for _ in range(2):
            campaigns.create_from_recipe(app, session, store, "birthday", NOW)
        offer = session.scalars(select(Offer)).one()
        assert (offer.name, offer.kind, offer.value, offer.valid_days, offer.currency, offer.supply) == (
            "birthday",
            "percent",
            10,
            14,
            "SEK",
            "pool",
        )
    for recipe in recipes().values():
        given = {n.settings["offer"] for n in walk(recipe.definition.flow) if n.kind == "offer"}
        assert given == ({recipe.offer.name} if recipe.offer else set())


def test_a_birthday_mail_shows_the_code_that_the_offer_step_gave(app: App, clock: TurnableClock) -> None:
    published = TODAY - 3 * DAY
    with app.db.write() as session:
        scene = Scene(app, session)
        row = campaigns.create_from_recipe(app, session, scene.store, "birthday", published)
        campaigns.install_mails(app, session, row, published)
        campaigns.publish(app, session, row, published)
        (code,) = offers.generate_codes(session, session.scalars(select(Offer)).one(), 1, published)
        _birthday(scene)
    clock.turn(TODAY - clock())
    drain(app)
    ((_, html),) = _mails(app)
    assert code in html
    assert "Good until March 24, 2026" in html


def test_days_of_free_shipping_are_told_to_nobody_for_whom_there_is_no_code(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        scene = Scene(app, session)
        row = campaigns.create_from_recipe(app, session, scene.store, "free_shipping", NOW)
        campaigns.install_mails(app, session, row, NOW)
        campaigns.publish(app, session, row, TODAY - HOUR)
        scene.order(60 * DAY)
    clock.turn(TODAY - clock())
    drain(app)
    assert _mails(app) == []
    with app.db.read() as session:
        run = session.scalars(select(Enrolment)).one()
        assert (run.state, run.exit_reason.startswith("no offer")) == ("exited", True)


def test_only_the_mails_a_recipe_names_are_added_and_an_edited_one_is_kept(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        edited = make.template(session, store, "win_back_1")
        row = campaigns.create_from_recipe(app, session, store, "win_back", NOW)
        campaigns.install_mails(app, session, row, NOW)
        mails = {t.name: t.latest_version_id for t in session.scalars(select(Template))}
        assert set(mails) == {"win_back_1", "win_back_2"}
        assert mails["win_back_1"] == edited.id


class Scene:
    """A store, its one customer, three products, and the day."""

    def __init__(self, app: App, session: Session) -> None:
        self.app, self.session = app, session
        self.store: Store = make.store(session)
        make.connection(app, session, self.store, "provider", "mailbox")
        self.cup, self.tray, self.spoon = (make.product(session, self.store, name) for name in ("cup", "tray", "spoon"))
        self.ada: Customer = make.customer(session, self.store, engaged_at=TODAY - 100 * DAY)

    def keep(self, *rows: Any) -> None:
        self.session.add_all(rows)
        self.session.flush()

    def order(self, ago: timedelta, which: int = 1, **values: Any) -> int:
        at = TODAY - ago
        return make.order(self.session, self.store, self.ada, at, f"o{which}", products=(self.cup,), **values).id

    def event(self, name: str, ago: timedelta, **values: Any) -> None:
        product = self.cup if name.startswith("product.") else None
        owner = None if name in ("product.price_dropped", "product.back_in_stock", "feed.item_published") else self.ada
        make.event(self.session, self.store, owner, name, TODAY - ago, product=product, **values)

    def due(self, kind: str, due_at: datetime) -> None:
        self.keep(
            DueItem(
                store_id=self.store.id,
                customer_id=self.ada.id,
                kind=kind,
                external_id="d1",
                title="Kiln workshop",
                amount=4200,
                due_at=due_at,
                created_at=NOW - 30 * DAY,
                updated_at=NOW - 30 * DAY,
            )
        )

    def points(self, expires_at: datetime | None = None) -> None:
        at = TODAY - HOUR
        self.keep(
            PointsEntry(
                store_id=self.store.id, customer_id=self.ada.id, kind="earn", points=600, at=at, expires_at=expires_at
            )
        )


def _berlin(days: int, hour: int, minute: int = 0) -> datetime:
    """An hour of Berlin's in winter, so many days from the day of the scene."""
    return datetime.combine((TODAY + days * DAY).date(), time(hour - 1, minute), tzinfo=UTC)


def _cart(scene: Scene, **values: Any) -> None:
    make.cart(scene.session, scene.store, scene.ada, TODAY - 61 * timedelta(minutes=1), products=(scene.cup,), **values)


def _birthday(scene: Scene) -> None:
    scene.ada.birthday_month, scene.ada.birthday_day = 3, 10


def _wedding(scene: Scene) -> None:
    row = SpecialDate(store_id=scene.store.id, customer_id=scene.ada.id, name="anniversary", month=3, day=24)
    row.created_at = row.updated_at = NOW
    scene.keep(row)


def _again(scene: Scene) -> None:
    for days in (57, 27):
        scene.order(days * DAY + HOUR, days)


def _gone(scene: Scene) -> None:
    for days in (90, 60):
        scene.order(days * DAY + HOUR, days)


def _tier(scene: Scene) -> None:
    scene.keep(CustomerTier(store_id=scene.store.id, customer_id=scene.ada.id, tier="Gold", rank=1, since=TODAY - HOUR))


def _orders(scene: Scene) -> None:
    for number in range(4):
        scene.order((60 - number) * DAY, number)
    scene.order(25 * HOUR, 9)


def _subscribes(scene: Scene) -> None:
    bob = make.customer(scene.session, scene.store, "Bob", consent=False, created_at=TODAY - HOUR)
    make.agree(scene.session, bob, "granted", TODAY - HOUR)


def _drop(scene: Scene) -> None:
    scene.event("product.viewed", 2 * DAY)
    scene.event("product.price_dropped", HOUR, **{"from": 1990, "to": 1295})


def _delivery(scene: Scene) -> None:
    scene.event("product.stock_wanted", 2 * DAY)
    scene.event("product.back_in_stock", HOUR, stock=10)


def _fell_out(scene: Scene) -> None:
    segment = scene.session.scalars(select(Segment).where(Segment.name == "Regulars")).one()
    segment.rule = {"field": "first_name", "is": "is", "value": "Bob"}
    row = SegmentMember(store_id=scene.store.id, segment_id=segment.id, customer_id=scene.ada.id)
    row.entered_at, row.left_at = TODAY - 100 * DAY, TODAY - HOUR
    scene.keep(row)


def _with_code(scene: Scene) -> None:
    scene.order(60 * DAY)
    offers.generate_codes(scene.session, scene.session.scalars(select(Offer)).one(), 1, TODAY - DAY)


def _into(name: str) -> Callable[[Scene], None]:
    def come(scene: Scene) -> None:
        segment = scene.session.scalars(select(Segment).where(Segment.name == name)).one()
        segment.rule = {"field": "first_name", "is": "is", "value": "Ada"}
        scene.keep(
            SegmentMember(
                store_id=scene.store.id, segment_id=segment.id, customer_id=scene.ada.id, entered_at=TODAY - HOUR
            )
        )

    return come


FAMILIES: dict[str, tuple[Callable[[Scene], object], str, str]] = {
    "cart_abandoned": (_cart, "Ada, your Teacup cup is still here", "Teacup cup"),
    "checkout_abandoned": (
        lambda s: _cart(s, checkout_at=TODAY - 61 * timedelta(minutes=1)),
        "Ada, one step left to finish your order",
        "Teacup cup",
    ),
    "browse_abandoned": (
        lambda s: s.event("product.viewed", 5 * HOUR),
        "Still curious about Teacup cup?",
        "Teacup cup",
    ),
    "feed_digest": (lambda s: s.event("feed.item_published", 7 * HOUR, title="Spring"), "Spring", "Spring"),
    "birthday": (_birthday, "Happy birthday, Ada!", "It is your day"),
    "special_date": (_wedding, "14 days until your anniversary", "March 24, 2026"),
    "customer_anniversary": (
        lambda s: s.order(365 * DAY),
        "One year with you: thank you, Ada",
        "a year ago",
    ),
    "payment_reminder": (
        lambda s: s.due("payment", _berlin(3, 18)),
        "Due soon: Kiln workshop",
        "€42.00",
    ),
    "payment_overdue": (lambda s: s.due("payment", _berlin(-3, 18)), "Still open: Kiln workshop", "March 7, 2026"),
    "appointment_reminder": (
        lambda s: s.due("appointment", _berlin(1, 10)),
        "Tomorrow at 10:00: Kiln workshop",
        "March 11, 2026",
    ),
    "renewal_reminder": (lambda s: s.due("renewal", _berlin(14, 12)), "Kiln workshop renews in 14 days", "€42.00"),
    "replenishment": (_again, "Running low on Teacup cup?", "February 11, 2026"),
    "points_reached": (Scene.points, "500 points: time for a reward, Ada", "500 points"),
    "reward_expiring": (
        lambda s: s.points(TODAY + 14 * DAY - HOUR),
        "Ada, your points expire soon",
        "Use them while they last",
    ),
    "tier_reached": (_tier, "Ada, welcome to Gold", "Gold"),
    "order_milestone": (_orders, "5 orders: thank you, Ada", "number 5"),
    "total_spent": (
        lambda s: s.order(25 * HOUR, total=60_000, subtotal=60_000),
        "Ada, a thank-you from Wren & Thistle",
        "Teacup tray",
    ),
    "welcome": (_subscribes, "Welcome to Wren & Thistle", "Welcome, Bob"),
    "first_purchase": (lambda s: s.order(25 * HOUR, number="#1"), "Thank you for your first order, Ada", "order #1"),
    "order_thanks": (
        lambda s: (s.order(60 * DAY), s.order(25 * HOUR, 2, number="#2")),
        "Thank you for coming back, Ada",
        "order #2",
    ),
    "cross_sell": (lambda s: s.order(14 * DAY + HOUR), "Ada, this goes with your Teacup cup", "Teacup tray"),
    "review_request": (
        lambda s: s.order(12 * DAY, delivered_at=TODAY - 7 * DAY - HOUR),
        "Ada, how do you like the Teacup cup?",
        "Teacup cup",
    ),
    "nps": (
        lambda s: s.order(15 * DAY, delivered_at=TODAY - 10 * DAY - HOUR),
        "Ada, would you recommend us?",
        "10 is certain",
    ),
    "win_back": (_gone, "Ada, it has been a while", "Teacup tray"),
    "back_in_stock": (_delivery, "Teacup cup is back", "Teacup cup"),
    "price_drop": (_drop, "Now cheaper: Teacup cup", "€6.95 less"),
    "segment_entered": (_into("Best customers"), "Ada, for you first: new with us", "Teacup tray"),
    "segment_left": (_fell_out, "Ada, we have missed you", "Teacup tray"),
    "sunset": (_into("Gone quiet"), "Ada, shall we keep writing?", "Yes, keep me on the list"),
    "event": (lambda s: s.event("review.left", HOUR, stars=2), "Thank you for your review, Ada", "honest words"),
    "newsletter": (lambda _: None, "New at Wren & Thistle: Teacup spoon", "Teacup spoon"),
    "early_access": (_orders, "Before everybody else, Ada: new with us", "Teacup spoon"),
    "free_shipping": (_with_code, "Free shipping until March 13, 2026", "Free shipping on your next order"),
    "newsletter_weekly": (lambda _: None, "Ada, your picks from Wren & Thistle", "Teacup spoon"),
}


def test_every_recipe_is_tried() -> None:
    assert set(FAMILIES) == set(recipes())


# What reads rows, triggers and values, is tested on both databases where it lives.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_customer_really_gets_its_mail(app: App, clock: TurnableClock, name: str) -> None:
    happen, subject, said = FAMILIES[name]
    now = TODAY + 2 * DAY if name == "newsletter_weekly" else TODAY
    at_once = name in ("newsletter", "early_access", "free_shipping")
    published = now - timedelta(minutes=5) if at_once else TODAY - 3 * DAY
    with app.db.write() as session:
        scene = Scene(app, session)
        row = campaigns.create_from_recipe(app, session, scene.store, name, published)
        campaigns.install_mails(app, session, row, published)
        campaigns.publish(app, session, row, published)
        happen(scene)
    clock.turn(now - clock())
    drain(app)
    if not _mails(app):  # those that wait first
        waits = {"feed_digest": DAY, "browse_abandoned": 4 * HOUR, "checkout_abandoned": 4 * HOUR}
        clock.turn(waits.get(name, timedelta(minutes=35)))
        drain(app)
    mails = _mails(app)
    assert [mail[0] for mail in mails] == [subject]
    assert said in mails[0][1]


def _mails(app: App) -> list[tuple[str, str]]:
    with app.db.read() as session:
        sent = session.scalars(select(Message.id).join(Rendering).where(Message.state.in_(("accepted", "delivered"))))
        found = [again(app, session, message_id)[0] for message_id in sent.all()]
    return [(mail.subject, mail.text) for mail in found]
