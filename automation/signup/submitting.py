"""Somebody filled in a form. Nothing is true yet: the address may be another's, so a mail asks whose it is.

Whatever the address is — unknown, subscribed, suppressed, flooded — the answer is the same, so that nobody learns
by a form who a store's customers are. Only floods (from one place, towards one domain, or of the whole store) are
turned away in words, since they are no news about anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from automation import intake
from automation.actions.api_keys import connection_of
from automation.addresses import normal_form
from automation.app import App
from automation.changes import CustomerChanged
from automation.consents import ConsentLine, note
from automation.errors import NotAllowed, TooOften
from automation.models import (
    CLASSES,
    ConsentState,
    Customer,
    Form,
    FormDay,
    FormVersion,
    Message,
    SignUp,
    Store,
    Template,
)
from automation.security import random_id
from automation.signup import confirming
from automation.signup.definition import FormDefinition
from automation.upsert import insert_into

MAIL = "confirm_subscription"
"""The mail that asks."""
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is believed to be people."""

    again_after: timedelta = timedelta(hours=6)
    """One address is asked once in this time, however often it is typed …"""
    per_address_week: int = 3
    """… and so often in a week."""
    per_ip_hour: int = 10
    per_domain_hour: int = 40
    per_store_hour: int = 300
    """Confirmation mails; more is a flood, and an admin is told."""


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What somebody typed, and where."""

    email: str
    topics: tuple[str, ...]
    answers: dict[str, Any] = field(default_factory=dict)
    """first_name, last_name, birthday_month, birthday_day; those that were typed."""
    ip: str = ""
    agent: str = ""
    page: str = ""
    visitor: str = ""


def submit(
    app: App, session: Session, form_id: int, version_id: int, entry: Entry, now: datetime, limits: Limits = LIMITS
) -> None:
    """Keep a sign-up and draft the mail that asks; where no mail is needed, confirm it at once.

    An address that was asked lately is not asked again, and nothing tells so. Raises Unreadable for what is no
    address, NotAllowed for a form that takes nobody, TooOften for a flood; then nothing is kept.
    """
    key = normal_form(entry.email)
    form = session.get_one(Form, form_id)
    version = session.get_one(FormVersion, version_id)
    if form.state != "live" or version.form_id != form.id:
        raise NotAllowed("This form is closed.")
    definition = FormDefinition.model_validate(version.definition)
    domain = key.rpartition("@")[2]
    customer = _meet(app, session, form, entry, definition.language, key, now)
    if _is_asked(session, customer.id, now, limits):
        return
    _hold_back(session, form.store_id, domain, entry.ip, now, limits)
    row = SignUp(
        store_id=form.store_id,
        form_id=form.id,
        version_id=version.id,
        customer_id=customer.id,
        domain=domain[:255],
        topics=list(entry.topics),
        answers=entry.answers,
        ip=entry.ip[:64],
        agent=entry.agent[:500],
        page=entry.page[:500],
        visitor=entry.visitor[:64],
        created_at=now,
        expires_at=now + timedelta(hours=definition.confirm_hours),
    )
    session.add(row)
    session.flush()
    if not definition.double_opt_in:
        confirming.make_true(app, session, row, now, ip=entry.ip, agent=entry.agent, message_id=None)
        return
    _note_pending(session, form, version, definition, row, now)
    ask(session, row, now)


def _meet(app: App, session: Session, form: Form, entry: Entry, language: str, key: str, now: datetime) -> Customer:
    """The customer with this address, made if need be with nothing but the address: the rest is not believed yet.

    Afterwards others who sign up wait: intake lets one in at a time, and the row is locked.
    """
    known = select(Customer).where(Customer.store_id == form.store_id, Customer.email_key == key)
    found = session.scalar(known.with_for_update(key_share=True))
    if found is None:
        source = {"channel": "form", "form": form.public_id, "landing": entry.page[:500]}
        change = CustomerChanged(email=entry.email.strip(), locale=language, source=source, created_at=now)
        intake.record(session, connection_of(app, session, form.store_id, now), [change], now)
        found = session.scalars(known.with_for_update(key_share=True)).one()
    return found


def _is_asked(session: Session, customer_id: int, now: datetime, limits: Limits) -> bool:
    """Whether this address was asked lately, or too often this week."""
    mine = SignUp.customer_id == customer_id
    lately, this_week = session.execute(
        select(
            func.coalesce(func.max(SignUp.mailed_at), func.max(SignUp.created_at)),
            func.coalesce(func.sum(SignUp.mails), 0),
        ).where(mine, (SignUp.created_at > now - WEEK) | (SignUp.mailed_at > now - WEEK))
    ).one()
    return (lately is not None and lately > now - limits.again_after) or this_week >= limits.per_address_week


def _hold_back(session: Session, store_id: int, domain: str, ip: str, now: datetime, limits: Limits) -> None:
    """Raise TooOften when more sign up than people would."""
    mine = (SignUp.store_id == store_id) & (SignUp.created_at > now - HOUR)
    over: list[tuple[ColumnElement[bool], int]] = [
        (mine & (SignUp.domain == domain), limits.per_domain_hour),
        (mine, limits.per_store_hour),
    ]
    if ip:
        over.append((mine & (SignUp.ip == ip), limits.per_ip_hour))
    for which, most in over:
        if (session.scalar(select(func.count()).select_from(SignUp).where(which)) or 0) >= most:
            raise TooOften("Too many people sign up just now.", after=HOUR)


def turned_away(session: Session, form_id: int, now: datetime) -> None:
    """Remember that a form turned somebody away: its page tells the admins."""
    count(session, form_id, now, "refused")
    session.execute(update(Form).where(Form.id == form_id).values(held_at=now))


def count(session: Session, form_id: int, now: datetime, what: str = "views", times: int = 1) -> None:
    """Count a look at a form (or what else `what` names), by the day."""
    fresh = {"form_id": form_id, "on_date": now.astimezone(UTC).date(), "views": 0, "refused": 0, what: times}
    statement = insert_into(session, FormDay).values(fresh)
    column = getattr(FormDay, what)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["form_id", "on_date"], set_={what: column + statement.excluded[what]}
        )
    )


def _note_pending(
    session: Session, form: Form, version: FormVersion, definition: FormDefinition, row: SignUp, now: datetime
) -> None:
    """Say in the ledger that an answer is awaited; of a topic that is agreed to, anybody could have typed this."""
    granted = set(
        session.scalars(
            select(ConsentState.topic).where(
                ConsentState.customer_id == row.customer_id, ConsentState.status == "granted"
            )
        )
    )
    lines = [
        ConsentLine(
            store_id=row.store_id,
            customer_id=row.customer_id,
            topic=topic,
            status="pending",
            source="form",
            at=now,
            wording=definition.consent,
            ip=row.ip,
            agent=row.agent,
            detail=f"form {form.public_id} version {version.number}",
        )
        for topic in row.topics
        if topic not in granted
    ]
    note(session, lines, now)


def ask(session: Session, row: SignUp, now: datetime) -> Message:
    """Draft the mail that asks. Raises NotAllowed where the store has no such mail."""
    template = session.scalar(select(Template).where(Template.store_id == row.store_id, Template.name == MAIL))
    if template is None or template.latest_version_id is None:
        raise NotAllowed("The mail that asks for confirmation is missing: save the form again.")
    message = Message(
        public_id=random_id(),
        store_id=row.store_id,
        customer_id=row.customer_id,
        template_version_id=template.latest_version_id,
        mail_class="transactional",
        rank=CLASSES.index("transactional"),
        topic=row.topics[0],
        subject_id=row.id,
        due_at=now,
        expires_at=row.expires_at,
        created_at=now,
    )
    session.add(message)
    row.mails += 1
    row.mailed_at = now
    session.flush()
    return message


def ask_again(session: Session, row: SignUp, now: datetime, limits: Limits = LIMITS) -> bool:
    """Send another link for a sign-up whose first was too late; False when its address was asked lately."""
    session.execute(select(Customer.id).where(Customer.id == row.customer_id).with_for_update(key_share=True))
    if row.state != "pending" or _is_asked(session, row.customer_id, now, limits):
        return False
    definition = FormDefinition.model_validate(session.get_one(FormVersion, row.version_id).definition)
    row.expires_at = now + timedelta(hours=definition.confirm_hours)
    ask(session, row, now)
    return True


def may_be_shown(session: Session, public_id: str) -> tuple[Form, FormVersion, FormDefinition, Store] | None:
    """A form with its newest version and its store, as its page needs them; None for one that does not exist."""
    found = session.execute(
        select(Form, FormVersion, Store)
        .join(FormVersion, FormVersion.id == Form.version_id)
        .join(Store, Store.id == Form.store_id)
        .where(Form.public_id == public_id)
    ).one_or_none()
    if found is None:
        return None
    form, version, store = found
    return form, version, FormDefinition.model_validate(version.definition), store
