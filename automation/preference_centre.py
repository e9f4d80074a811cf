"""What the link in a mail shows of its reader's wishes, and what they change there; every change can be undone.

Wishes themselves are `automation.preferences`; here is who may change them (whoever holds a mail), and the evidence.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import consent_policy, unsubscribing
from automation.consents import Status
from automation.languages import language_of
from automation.models import Customer, Form, FormVersion, Message, MessageEvent, Store
from automation.preferences import Evidence, Preferences, preferences_of, set_preferences
from automation.security import Keyring
from automation.signup.definition import FormDefinition
from automation.unsubscribing import Reader

OUT = "I want no more mails like these."
"""The words of a button that withdraws from everything, as the ledger keeps them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A topic that a reader may want or not."""

    code: str
    label: str
    description: str
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Centre:
    """A reader's page."""

    reader: Reader
    language: str
    choices: tuple[Choice, ...]
    wishes: Preferences
    undo: str = ""
    """What brings back what was before; stands in the button that does it."""

    @property
    def wants_any(self) -> bool:
        """Whether there is anything left that they get."""
        return any(choice.is_wanted for choice in self.choices)


def open_centre(session: Session, public_id: str, undo: str = "") -> Centre | None:
    """The page for whoever holds the message with this public id; None when there is no such message."""
    reader = unsubscribing.reader_of(session, public_id)
    if reader is None:
        return None
    store = session.get_one(Store, reader.store_id)
    customer = session.get_one(Customer, reader.customer_id)
    wishes = preferences_of(session, reader.customer_id)
    labels = _labels(session, store)
    # What they were asked about by another way stays visible by its name; what was never a topic does not appear.
    codes = [*labels, *(code for code in wishes.topics if code not in labels and code != consent_policy.TRACKING_TOPIC)]
    choices = tuple(
        Choice(code, *labels.get(code, (code.replace("_", " ").capitalize(), "")), wishes.topics.get(code) == "granted")
        for code in codes
    )
    return Centre(reader, language_of(customer.locale, store.locale), choices, wishes, undo)


def _labels(session: Session, store: Store) -> dict[str, tuple[str, str]]:
    """The store's topics, and those of its forms, by code: label and description."""
    found = {topic.key: (topic.label, topic.description) for topic in consent_policy.of_store(store).topics}
    rows = session.scalars(
        select(FormVersion.definition)
        .join(Form, Form.version_id == FormVersion.id)
        .where(Form.store_id == store.id, Form.state == "live")
        .order_by(Form.id)
    )
    for definition in rows:
        for topic in FormDefinition.model_validate(definition).topic_list:
            found.setdefault(topic.code, (topic.label, ""))
    return found


@dataclass(frozen=True, slots=True)
class Visit:
    """Who presses a button, and from where."""

    ip: str = ""
    agent: str = ""


def choose(
    session: Session,
    keyring: Keyring,
    public_id: str,
    wanted: Collection[str],
    wish: Preferences,
    wording: str,
    visit: Visit,
    now: datetime,
) -> Centre | None:
    """Bring a reader's wishes about, with what undoes it. A test mail's link changes nothing.

    `wanted` are the topics they ticked; of `wish` the rest counts: how often, and until when not at all.
    Raises NotAllowed as `set_preferences` does.
    """
    centre = open_centre(session, public_id)
    if centre is None or centre.reader.is_test:
        return centre
    topics: dict[str, Status] = {}
    for choice in centre.choices:
        if choice.code in wanted and centre.reader.may_return:
            topics[choice.code] = "granted"
        elif choice.code not in wanted and centre.wishes.topics.get(choice.code, "withdrawn") != "withdrawn":
            topics[choice.code] = "withdrawn"
    before = _seal(keyring, public_id, centre.wishes)
    _set(session, centre, replace(wish, topics=topics), wording, visit, now)
    return open_centre(session, public_id, before)


def leave(session: Session, keyring: Keyring, public_id: str, visit: Visit, now: datetime) -> Centre | None:
    """Withdraw from every topic, with what undoes it."""
    centre = open_centre(session, public_id)
    if centre is None or centre.reader.is_test:
        return centre
    before = _seal(keyring, public_id, centre.wishes)
    topics: dict[str, Status] = dict.fromkeys((choice.code for choice in centre.choices), "withdrawn")
    wish = replace(centre.wishes, topics=topics)
    _set(session, centre, wish, OUT, visit, now, source="unsubscribe")
    message = session.get_one(Message, centre.reader.message_id)
    if message.unsubscribed_at is None:
        message.unsubscribed_at = now
        session.add(
            MessageEvent(
                message_id=message.id,
                type="unsubscribe",
                at=now,
                external_id=f"door:preferences:{message.id}",
                reason="preference centre",
                ip=visit.ip[:64],
                agent=visit.agent[:500],
                recorded_at=now,
            )
        )
        session.flush()
    return open_centre(session, public_id, before)


def undo(session: Session, keyring: Keyring, public_id: str, sealed: str, visit: Visit, now: datetime) -> Centre | None:
    """Bring back what was before a change on the page; nothing happens for what we did not seal."""
    centre = open_centre(session, public_id)
    before = _unseal(keyring, public_id, sealed)
    if centre is None or before is None or centre.reader.is_test:
        return centre
    topics: dict[str, Status] = {}
    for code, status in before.topics.items():
        is_now = centre.wishes.topics.get(code)
        if status != is_now and (status != "granted" or centre.reader.may_return):
            topics[code] = status
    for code, status in centre.wishes.topics.items():
        if code not in before.topics and status == "granted":
            topics[code] = "withdrawn"
    wish = replace(before, topics=topics)
    _set(session, centre, wish, unsubscribing.WORDING, visit, now)
    return open_centre(session, public_id)


def _set(
    session: Session,
    centre: Centre,
    wish: Preferences,
    wording: str,
    visit: Visit,
    now: datetime,
    source: str = "form",
) -> None:
    evidence = Evidence(
        source=source,
        wording=wording,
        ip=visit.ip[:64],
        agent=visit.agent[:500],
        message_id=centre.reader.message_id,
        detail="preference centre",
    )
    set_preferences(session, centre.reader.customer_id, wish, evidence, now)


def _mac(keyring: Keyring, public_id: str, text: str) -> str:
    return hmac.digest(keyring.derive("preferences"), f"{public_id}:{text}".encode(), "sha256").hex()[:32]


def _seal(keyring: Keyring, public_id: str, wishes: Preferences) -> str:
    until = wishes.paused_until.isoformat() if wishes.paused_until else None
    text = orjson.dumps([dict(wishes.topics), wishes.frequency, until, wishes.per_month]).hex()
    return f"{text}.{_mac(keyring, public_id, text)}"


def _unseal(keyring: Keyring, public_id: str, sealed: str) -> Preferences | None:
    text, _, mac = sealed.partition(".")
    if not mac.isascii() or not hmac.compare_digest(mac, _mac(keyring, public_id, text)):
        return None
    found: list[Any] = orjson.loads(bytes.fromhex(text))
    # A page from before there were limits of a month says three things.
    topics, frequency, until, per_month = [*found, None][:4]
    return Preferences(dict(topics), frequency, datetime.fromisoformat(until) if until else None, per_month)
