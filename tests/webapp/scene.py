"""A small shop in the middle of its day: two campaigns, a few customers, mails that left and mails that did not.

Page tests and browser tests look at the same scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from automation.actions import campaigns as actions
from automation.app import App
from automation.models import (
    Connection,
    Conversion,
    Customer,
    Decision,
    Enrolment,
    Event,
    Message,
    MessageEvent,
    Rendering,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)
from automation.rendering import context
from automation.rendering.compose import compose
from automation.rendering.mail import Compiled, MailSource
from automation.rendering.pool import RenderPool
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.replays import replay

MAILS = Path(__file__).resolve().parents[2] / "templates"
TITLES = {
    "cart_reminder_1": "Cart reminder, first",
    "cart_reminder_2": "Cart reminder, second",
    "cart_reminder_3": "Cart reminder, third",
    "newsletter": "Newsletter",
}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Scene:
    """Public ids of what a test wants to look at."""

    store_id: int
    live: str
    draft: str
    ada: str
    suppressed: str
    complained: str
    sent: str
    """A cart reminder to Ada."""
    waiting: str
    """A mail that was put off."""


@cache
def _compiled(name: str) -> Compiled:
    parts = {path.relative_to(MAILS).as_posix(): path.read_text() for path in MAILS.rglob("*.mjml")}
    folder = MAILS / name
    source = MailSource(
        subject=(folder / "subject.txt").read_text().strip(), mjml=(folder / "body.mjml").read_text(), includes=parts
    )
    pool = RenderPool(1)
    try:
        return pool.compile(source)
    finally:
        pool.close()


def template(app: App, session: Session, store: Store, name: str) -> TemplateVersion:
    """One of the mails that come with Cartwheel, compiled."""
    compiled = _compiled(name)
    row = Template(
        public_id=random_id(), store_id=store.id, name=name, title=TITLES[name], created_at=NOW, updated_at=NOW
    )
    session.add(row)
    session.flush()
    version = TemplateVersion(
        template_id=row.id,
        number=1,
        subject=compiled.subject,
        mjml=compiled.mjml,
        html=compiled.html,
        text=compiled.text,
        preheader=compiled.preheader,
        links=[
            {"number": link.number, "url": link.url, "label": link.label, "is_dynamic": link.is_dynamic}
            for link in compiled.links
        ],
        names=list(compiled.names),
        created_at=NOW,
    )
    session.add(version)
    session.flush()
    row.latest_version_id = version.id
    session.flush()
    return version


def render(app: App, session: Session, message: Message) -> None:
    """Keep what the message is made of, as the deliver stage does when it submits it."""
    variables = context.load(app, session, [message], NOW)
    composed = compose(app, [message], variables)[0]
    assert not isinstance(composed, Exception), composed
    session.add(
        Rendering(
            message_id=message.id,
            to_email=composed.mail.to_email,
            variables=variables[message.id],
            payload_hash=composed.payload_hash,
            rendered_at=message.accepted_at or NOW,
        )
    )
    session.flush()


class Stage:
    """Puts the scene together, row by row."""

    def __init__(self, app: App, session: Session) -> None:
        self.app, self.session = app, session
        self.store = make.store(session)
        self.versions = {name: template(app, session, self.store, name) for name in TITLES}
        self.mailbox = Connection(
            public_id=random_id(),
            store_id=self.store.id,
            role="provider",
            kind="mailbox",
            name="Mailbox",
            secrets=b"",
            created_at=NOW,
        )
        session.add(self.mailbox)
        self.goods = tuple(
            make.product(session, self.store, key, title=title, price=price)
            for key, title, price in (
                ("p1", "Blue enamel teapot", 3900),
                ("p2", "Linen tea towel, pair", 1450),
                ("p3", "Beeswax candle", 990),
            )
        )
        self.campaign = actions.create_from_recipe(app, session, self.store, "cart_abandoned", NOW - 30 * DAY)
        self.version = actions.publish(app, session, self.campaign, NOW - 30 * DAY)

    def customer(self, first: str, last: str, days: int = 100, **values: Any) -> Customer:
        """Somebody the store has known for so many days."""
        return make.customer(
            self.session,
            self.store,
            first,
            **{"last_name": last, "created_at": NOW - days * DAY, "engaged_at": NOW - days * HOUR, **values},
        )

    def enrol(self, customer: Customer, hours: float, **values: Any) -> Enrolment:
        """They entered so many hours ago, with a cart."""
        left_at = NOW - timedelta(hours=hours)
        cart = make.cart(
            self.session, self.store, customer, left_at, f"c{customer.id}", products=self.goods[: 1 + customer.id % 3]
        )
        row = Enrolment(
            **{
                "store_id": self.store.id,
                "campaign_id": self.campaign.id,
                "version_id": self.version.id,
                "customer_id": customer.id,
                "key": cart.external_id,
                "subject_id": cart.id,
                "anchor_at": left_at,
                "due_at": NOW + HOUR,
                "entered_at": left_at + timedelta(minutes=30),
                "step_id": "mail_1",
                **values,
            }
        )
        self.session.add(row)
        self.session.flush()
        return row

    def mail(self, enrolment: Enrolment, step: str, hours: float, **values: Any) -> Message:
        """A mail drafted in that place so many hours ago; sent unless told otherwise."""
        at = NOW - timedelta(hours=hours)
        customer = self.session.get_one(Customer, enrolment.customer_id)
        number = step[-1]
        row = make.message(
            self.session,
            customer,
            **{
                "campaign_id": self.campaign.id,
                "version_id": self.version.id,
                "enrolment_id": enrolment.id,
                "step_id": step,
                "template_version_id": self.versions[f"cart_reminder_{number}"].id,
                "mail_class": "lifecycle",
                "subject_id": enrolment.subject_id,
                "connection_id": self.mailbox.id,
                "state": "accepted",
                "created_at": at - timedelta(minutes=2),
                "accepted_at": at,
                "provider_id": f"mailbox-{enrolment.id}-{number}",
                "attempt_count": 1,
                **values,
            },
        )
        if row.accepted_at is not None:
            render(self.app, self.session, row)
        return row

    def decide(self, message: Message, outcome: str, reason: str, hours: float, facts: Any, until: Any = None) -> None:
        """What the arbiter said."""
        self.session.add(
            Decision(
                message_id=message.id,
                customer_id=message.customer_id,
                campaign_id=message.campaign_id,
                outcome=outcome,
                reason=reason,
                facts=facts,
                until=until,
                at=NOW - timedelta(hours=hours),
            )
        )
        self.session.flush()

    def hear(self, message: Message, kind: str, hours: float, **values: Any) -> None:
        """What came back about a mail."""
        self.session.add(
            MessageEvent(
                message_id=message.id,
                type=kind,
                at=NOW - timedelta(hours=hours),
                external_id=random_id(),
                recorded_at=NOW,
                **values,
            )
        )
        self.session.flush()


NO_ORDER = "no longer true: no order was placed since the cart was left"
NIGHT = {"timezone": "Asia/Tokyo", "from": "21:00", "until": "08:00", "local_time": "22:10"}


def _visits(stage: Stage, customer: Customer) -> None:
    for hours, title in ((30, "Blue enamel teapot"), (29.5, "Linen tea towel, pair")):
        stage.session.add(
            Event(
                store_id=stage.store.id,
                customer_id=customer.id,
                name="product.viewed",
                at=NOW - timedelta(hours=hours),
                properties={"title": title},
                recorded_at=NOW,
            )
        )


def _ada(stage: Stage) -> tuple[Customer, Message]:
    """Ada left a cart, got a mail, clicked and bought."""
    session, store = stage.session, stage.store
    ada = stage.customer(
        "Ada", "Lovell", 200, city="Vienna", country="AT", timezone="Europe/Vienna", tags=["vip", "tea"],
        birthday_month=12, birthday_day=10,
    )  # fmt: skip
    make.order(session, store, ada, NOW - 60 * DAY, "o1", number="1001")
    _visits(stage, ada)
    place = stage.enrol(
        ada,
        29,
        state="exited",
        ended_at=NOW - 20 * HOUR,
        exit_reason=NO_ORDER,
    )
    mail = stage.mail(
        place,
        "mail_1",
        21,
        created_at=NOW - 28 * HOUR,
        opened_at=NOW - 20.6 * HOUR,
        clicked_at=NOW - 20.5 * HOUR,
        state="delivered",
    )
    stage.decide(mail, "defer", "quiet_hours", 28, {**NIGHT, "timezone": "Europe/Vienna"}, NOW - 21 * HOUR)
    stage.decide(mail, "go", "go", 21, {"consent": "granted", "timezone": "Europe/Vienna"})
    stage.hear(mail, "delivered", 20.9)
    stage.hear(mail, "open", 20.6)
    stage.hear(mail, "click", 20.5, url="https://wren.example.com/recover/c1")
    order = make.order(session, store, ada, NOW - 20 * HOUR, "o2", number="1042", total=5350)
    session.add(
        Conversion(
            order_id=order.id,
            store_id=store.id,
            campaign_id=stage.campaign.id,
            message_id=mail.id,
            clicked_at=NOW - 20.5 * HOUR,
            at=order.placed_at,
        )
    )
    return ada, mail


def _others(stage: Stage) -> Message:
    """Those who wait, were put off, or were not mailed."""
    cleo = stage.customer("Cleo", "Tanaka", 40, timezone="Asia/Tokyo", country="JP")
    put_off = stage.mail(
        stage.enrol(cleo, 3, step_id="mail_2", due_at=NOW + 23 * HOUR), "mail_1", 1, state="draft",
        reason="quiet_hours", accepted_at=None, due_at=NOW + 11 * HOUR, provider_id=None,
    )  # fmt: skip
    stage.decide(put_off, "defer", "quiet_hours", 1, NIGHT, NOW + 11 * HOUR)
    eve = stage.customer("Eve", "Moreau", 90)
    make.agree(stage.session, eve, "withdrawn", NOW - 3 * DAY)
    lost = stage.mail(
        stage.enrol(eve, 6, state="finished", ended_at=NOW - HOUR, step_id=None), "mail_1", 5, state="dropped",
        reason="no_consent", accepted_at=None, provider_id=None,
    )  # fmt: skip
    stage.decide(
        lost, "drop", "no_consent", 5, {"topic": "marketing", "consent": "withdrawn", "since": "2026-03-07T12:00:00Z"}
    )
    for number, (first, last) in enumerate((("Ben", "Okafor"), ("Fay", "Lindqvist"), ("Gus", "Ferreira"))):
        stage.enrol(stage.customer(first, last, 10 + number), 0.6, due_at=NOW + timedelta(minutes=20 + number))
    for number, (first, last) in enumerate((("Hana", "Novak"), ("Ivo", "Petrov"), ("Jun", "Park"), ("Kim", "Larsen"))):
        place = stage.enrol(stage.customer(first, last, 30 + number), 26 + number, step_id="mail_3", due_at=NOW + DAY)
        for step, hours in (("mail_1", 25 + number), ("mail_2", 2 + number / 2)):
            stage.decide(stage.mail(place, step, hours), "go", "go", hours, {})
    return put_off


def build(app: App) -> Scene:
    """The scene, in the empty database."""
    return replay(app, "scene", _play)


def _play(app: App) -> Scene:
    with app.db.write() as session:
        stage = Stage(app, session)
        ada, mail = _ada(stage)
        put_off = _others(stage)
        dan = stage.customer("Dan", "Whitlock", 300, consent=False)
        zoe = stage.customer("Zoe", "Adler", 5)
        for customer, reason in ((dan, "hard_bounce"), (zoe, "complaint")):
            assert customer.email_key
            session.add(
                Suppression(store_id=stage.store.id, email_key=customer.email_key, reason=reason, at=NOW - 4 * DAY)
            )
        draft = actions.create_from_recipe(app, session, stage.store, "newsletter", NOW - DAY)
        return Scene(
            store_id=stage.store.id,
            live=stage.campaign.public_id,
            draft=draft.public_id,
            ada=ada.public_id,
            suppressed=dan.public_id,
            complained=zoe.public_id,
            sent=mail.public_id,
            waiting=put_off.public_id,
        )
