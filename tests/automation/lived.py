"""A small shop that lives for some days under a turned clock, with everything told at its own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Cart, Customer, DueItem, Enrolment, Message, Order, Product, Store
from automation.stages.advance import advance
from automation.stages.decide import decide
from automation.stages.enrol import enrol
from automation.stages.summarise import summarise
from tests import make

Happening = tuple[datetime, int, Callable[[Session], object]]
ZONES = (None, "Europe/Berlin", "America/New_York", "Asia/Tokyo")


@dataclass
class Shop:
    """A store with customers, and what will happen to them."""

    app: App
    clock: TurnableClock
    dice: Random
    store: Store
    people: list[Customer] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    plan: list[Happening] = field(default_factory=list)

    def add(self, at: datetime, act: Callable[[Session], object]) -> None:
        """Have something happen at an instant."""
        self.plan.append((at, len(self.plan), act))

    def live(self, until: datetime, every: timedelta) -> None:
        """Let the days pass: at each look first what happened is told, then the belt runs."""
        self.run_belt()
        while self.clock() < until:
            self.tell(min(self.clock() + every, until))
            self.run_belt()

    def tell(self, until: datetime) -> datetime:
        """Turn the clock to an instant and tell what happened; the instant."""
        self.plan.sort()
        self.clock.turn(until - self.clock())
        due = [act for at, _, act in self.plan if at <= until]
        self.plan = self.plan[len(due) :]
        if due:
            with self.app.db.write() as session:
                for act in due:
                    act(session)
        return until

    def run_belt(self) -> None:
        """Every stage up to the decision, until all rest; then what may go has gone."""
        now = self.clock()
        for stage in (summarise, enrol, advance, decide):
            while stage(self.app, now, 10_000):
                pass
        with self.app.db.write() as session:
            # Nothing keeps what may go from leaving at once.
            session.execute(update(Message).where(Message.state == "ready").values(state="accepted", accepted_at=now))


def shop(app: App, clock: TurnableClock, seed: int, customers: int = 24) -> Shop:
    """A store with some customers from before; nothing has happened yet."""
    now, dice = clock(), Random(seed)
    with app.db.write() as session:
        store = make.store(session)
        found = Shop(app, clock, dice, store)
        found.products = [make.product(session, store, f"p{n}", stock=5) for n in range(3)]
        for n in range(customers):
            birthday = now + timedelta(days=dice.randint(-3, 40))
            who = make.customer(
                session,
                store,
                f"C{n}",
                consent=False,
                timezone=dice.choice(ZONES),
                country=dice.choice(("DE", "FR")),
                birthday_month=birthday.month,
                birthday_day=birthday.day,
            )
            if dice.random() < 0.8:
                make.agree(session, who, "granted", now - timedelta(days=50))
            for k in range(dice.choice((0, 0, 1, 3))):
                make.order(session, store, who, now - timedelta(days=10 + 9 * k, minutes=n), f"old{n}-{k}")
            found.people.append(who)
    return found


def busy(found: Shop, days: int, per_day: float = 9) -> None:
    """Fill the days to come with carts, orders, looks, consents and dates."""
    dice, began = found.dice, found.clock()
    for n in range(int(days * per_day)):
        who = dice.choice(found.people)
        at = began + timedelta(days=days) * dice.random()
        at = at.replace(microsecond=dice.randint(0, 999_999))
        _happen(found, n, who, at)


def _happen(found: Shop, n: int, who: Customer, at: datetime) -> None:
    dice, store = found.dice, found.store
    product = dice.choice(found.products)
    match dice.choice(("cart", "cart", "cart", "order", "look", "consent", "item", "customer")):
        case "cart":
            total = dice.choice((500, 3000))
            found.add(at, lambda s: make.cart(s, store, who, at, f"cart{n}", products=(product,), total=total))
            if dice.random() < 0.4:
                bought_at = at + timedelta(minutes=dice.choice((5, 50, 90, 1000, 4000)))
                found.add(bought_at, lambda s: _buy(s, store, who, bought_at, n))
        case "order":
            found.add(at, lambda s: make.order(s, store, who, at, f"o{n}"))
            if dice.random() < 0.3:
                off_at = at + timedelta(hours=dice.choice((2, 30)))
                found.add(off_at, lambda s: _cancel(s, f"o{n}", off_at))
        case "look":
            found.add(at, lambda s: make.event(s, store, who, "product.viewed", at, product=product))
        case "consent":
            status = dice.choice(("granted", "withdrawn"))
            found.add(at, lambda s: make.agree(s, who, status, at))
        case "item":
            due_at = at + timedelta(days=dice.randint(4, 8))
            found.add(at, lambda s: _owe(s, store, who, f"d{n}", at, due_at))
        case "customer":
            found.add(at, lambda s: _join(s, store, f"New{n}", at))


def _buy(session: Session, store: Store, who: Customer, at: datetime, n: int) -> None:
    cart = session.scalars(select(Cart).where(Cart.external_id == f"cart{n}")).one()
    cart.ordered_at = at
    make.order(session, store, who, at, f"bought{n}")


def _join(session: Session, store: Store, name: str, at: datetime) -> None:
    who = make.customer(session, store, name, consent=False, created_at=at, updated_at=at)
    make.agree(session, who, "granted", at)


def _cancel(session: Session, external_id: str, at: datetime) -> None:
    session.scalars(select(Order).where(Order.external_id == external_id)).one().cancelled_at = at


def _owe(session: Session, store: Store, who: Customer, name: str, at: datetime, due_at: datetime) -> None:
    session.add(
        DueItem(
            store_id=store.id,
            customer_id=who.id,
            kind="payment",
            external_id=name,
            due_at=due_at,
            created_at=at,
            updated_at=at,
        )
    )


def entered(app: App, campaign_id: int) -> set[tuple[str, str, datetime]]:
    """Who entered for which key and when, by public id."""
    with app.db.read() as session:
        rows = session.execute(
            select(Customer.public_id, Enrolment.key, Enrolment.entered_at)
            .join(Customer, Customer.id == Enrolment.customer_id)
            .where(Enrolment.campaign_id == campaign_id)
        )
        return {(row[0], row[1], row[2]) for row in rows}


def mailed(app: App, campaign_id: int, now: datetime) -> set[tuple[str, str, str, datetime]]:
    """Which mails were let go, with the step and when."""
    with app.db.read() as session:
        rows = session.execute(
            select(Customer.public_id, Enrolment.key, Message.step_id, Message.decided_at)
            .join(Enrolment, Enrolment.id == Message.enrolment_id)
            .join(Customer, Customer.id == Enrolment.customer_id)
            .where(Enrolment.campaign_id == campaign_id, Message.state == "accepted")
        )
        return {(row[0], row[1], row[2] or "", row[3] or now) for row in rows}


def campaign(app: App, session: Session, store: Store, now: datetime, kind: str, **changes: Any) -> Campaign:
    """A campaign that goes live now."""
    recipe = "newsletter" if kind in ("newsletter", "feed_published") else "cart_abandoned"
    settings = changes.pop("settings", {})
    row = make.campaign(app, session, store, recipe, trigger={"kind": kind, "settings": settings}, **changes)
    campaigns.publish(app, session, row, now)
    row.live_since = now
    return row
