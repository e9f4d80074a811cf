"""They pressed the button of the page that the confirmation mail led to: now it is true.

The mail's link shows a page and changes nothing, so that the scanners which follow every link confirm nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation import intake, storefront
from automation.actions.api_keys import connection_of
from automation.addresses import key_of
from automation.app import App
from automation.changes import CustomerChanged, EventHappened, Person
from automation.consents import ConsentLine, note
from automation.models import Customer, Form, FormVersion, Message, Offer, OfferCode, Rendering, SignUp, Store
from automation.offers.holding import Claim, Held, find, reserve
from automation.signup.definition import FormDefinition, Topic

State = Literal["asked", "confirmed", "over", "test"]


@dataclass(frozen=True, slots=True)
class Question:
    """What the page of a confirmation mail's link is about."""

    state: State
    """asked: the button is there; confirmed; over: too late, or they have another address by now; test: a test mail's
    link.
    """
    store_name: str
    store_url: str
    language: str
    email: str = ""
    topics: tuple[Topic, ...] = ()
    definition: FormDefinition | None = None
    offer_label: str = ""
    offer_code: str = ""

    @property
    def masked(self) -> str:
        """The address as it may stand on a page that was perhaps passed on: a•••@example.com."""
        name, _, domain = self.email.rpartition("@")
        return f"{name[:1]}•••@{domain}" if name else self.email


def question(session: Session, public_id: str, now: datetime) -> Question | None:
    """What the message with this public id asks; None when it asks nothing of the kind."""
    message = session.scalar(select(Message).where(Message.public_id == public_id))
    if message is None:
        return None
    store = session.get_one(Store, message.store_id)
    if message.is_test:
        return Question("test", store.name, store.url, store.locale)
    row = _sign_up(session, message)
    if row is None:
        return None
    version = session.get_one(FormVersion, row.version_id)
    definition = FormDefinition.model_validate(version.definition)
    customer = session.get_one(Customer, row.customer_id)
    if customer.erased_at is not None:
        return None
    is_over = now >= row.expires_at or _has_moved(session, message, customer)
    state: State = "confirmed" if row.state == "confirmed" else "over" if is_over else "asked"
    label, code = _offered(session, row) if state == "confirmed" else ("", "")
    return Question(
        state,
        store.name,
        store.url,
        definition.language,
        customer.email or "",
        tuple(topic for topic in definition.topic_list if topic.code in row.topics),
        definition,
        label,
        code,
    )


def sign_up_of(session: Session, public_id: str) -> SignUp | None:
    """The sign-up that a message asks about, locked."""
    message = session.scalar(select(Message).where(Message.public_id == public_id, Message.is_test.is_(False)))
    return _sign_up(session, message, is_locked=True) if message is not None else None


def _sign_up(session: Session, message: Message, *, is_locked: bool = False) -> SignUp | None:
    if message.version_id is not None or message.subject_id is None:
        return None
    mine = select(SignUp).where(SignUp.id == message.subject_id, SignUp.customer_id == message.customer_id)
    return session.scalar(mine.with_for_update() if is_locked else mine)


def confirm(app: App, session: Session, public_id: str, now: datetime, *, ip: str, agent: str) -> Question | None:
    """Make true what was signed up for; twice is once, and too late changes nothing. None for a wrong link."""
    row = sign_up_of(session, public_id)
    asked = question(session, public_id, now)
    if row is None or asked is None or asked.state != "asked":
        return asked
    message_id = session.scalar(select(Message.id).where(Message.public_id == public_id))
    make_true(app, session, row, now, ip=ip, agent=agent, message_id=message_id)
    return question(session, public_id, now)


def _has_moved(session: Session, message: Message, customer: Customer) -> bool:
    """Whether the mail that asks went to an address that the customer has left: who reads it proves nothing."""
    to_email = session.scalar(select(Rendering.to_email).where(Rendering.message_id == message.id))
    return to_email is not None and key_of(to_email) != customer.email_key


def make_true(
    app: App, session: Session, row: SignUp, now: datetime, *, ip: str, agent: str, message_id: int | None
) -> None:
    """Note the consents, take over what was typed where nothing is known yet, give the offer."""
    customer = session.scalars(
        select(Customer).where(Customer.id == row.customer_id).with_for_update(key_share=True)
    ).one()
    if customer.erased_at is not None or not customer.email:
        return
    form = session.get_one(Form, row.form_id)
    version = session.get_one(FormVersion, row.version_id)
    definition = FormDefinition.model_validate(version.definition)
    person = Person(email=customer.email)
    happened = EventHappened(
        name="form.confirmed",
        person=person,
        at=now,
        external_id=f"sign_up:{row.id}",
        properties={"form": form.name, "form_id": form.public_id, "topics": list(row.topics)},
    )
    typed = _news(customer, row, definition)
    changes = [CustomerChanged(email=customer.email, **typed)] if typed else []
    intake.record(session, connection_of(app, session, row.store_id, now), [*changes, happened], now)
    way = "confirmed by mail" if message_id is not None else "without a mail"
    lines = [
        ConsentLine(
            store_id=row.store_id,
            customer_id=row.customer_id,
            topic=topic,
            status="granted",
            source="form",
            at=now,
            wording=definition.consent,
            ip=ip,
            agent=agent,
            message_id=message_id,
            detail=f"form {form.public_id} version {version.number}, {way}",
        )
        for topic in row.topics
    ]
    note(session, lines, now)
    row.state, row.confirmed_at = "confirmed", now
    _give(session, form, row, definition, now)
    if row.visitor:
        storefront.recognise(session, row.store_id, row.visitor, row.customer_id, now)
    session.flush()


def _news(customer: Customer, row: SignUp, definition: FormDefinition) -> dict[str, Any]:
    """What was typed and is not known yet: whoever typed it was not known to be the customer then."""
    typed = {name: value for name, value in row.answers.items() if value and not getattr(customer, name, None)}
    if customer.birthday_month or not {"birthday_month", "birthday_day"} <= typed.keys():
        typed.pop("birthday_month", None)
        typed.pop("birthday_day", None)
    if not customer.locale:
        typed["locale"] = definition.language
    return typed


def _holder(row: SignUp) -> str:
    return f"form:{row.form_id}:{row.customer_id}"


def _give(session: Session, form: Form, row: SignUp, definition: FormDefinition, now: datetime) -> None:
    """One code for a person and a form, however often they sign up; it counts as given, since the page shows it."""
    if not definition.offer:
        return
    offer = find(session, form.store_id, definition.offer)
    holder = _holder(row)
    got = reserve(session, offer, form.store_id, [Claim(holder, row.customer_id)], now)[holder]
    if isinstance(got, Held):
        session.execute(
            update(OfferCode)
            .where(OfferCode.id == got.code_id, OfferCode.state == "reserved")
            .values(state="given", look_at=got.expires_at)
        )


def _offered(session: Session, row: SignUp) -> tuple[str, str]:
    found = session.execute(
        select(Offer.label, OfferCode.code)
        .join(Offer, Offer.id == OfferCode.offer_id)
        .where(Offer.store_id == row.store_id, OfferCode.holder == _holder(row), OfferCode.state == "given")
        .limit(1)
    ).one_or_none()
    return (found[0], found[1]) if found else ("", "")
