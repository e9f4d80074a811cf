"""What templates know: for a whole batch of messages, in a constant number of statements, and only what is used.

What stands under which name is one file each in `values/`; see `automation.rendering.value` for the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import consent_policy
from automation.app import App
from automation.discovery import implementations
from automation.models import Campaign, Customer, Message, Store
from automation.rendering.guises import PLAIN, Guise, Guises, guises
from automation.rendering.value import Batch, Value
from automation.rendering.versions import versions

Variables = dict[str, Any]
"""{"envelope": {…}, "values": {…}}: plain JSON, stored as `Rendering.variables`.

`envelope` holds sender, recipient, base URL and what the headers need; `values` the template's top-level names.
Nothing else than these, the template version and the message's public id goes into a mail.
"""

VALUES: dict[str, Value] = {
    name: cls()
    for name, cls in implementations("automation.rendering.values", Value).items()  # type: ignore[type-abstract]  # the contract itself is looked for
}
"""Every value by the name that mails call it."""
NAMES = tuple(VALUES)
"""Every top-level name that `load` fills; others are empty in a mail."""


def load(app: App, session: Session, messages: Sequence[Message], now: datetime) -> dict[int, Variables]:
    """Each message's variables, by message id. Only the names that its template version uses are loaded.

    A message whose customer has no address (any more) is left out.
    """
    compiled = versions(app, session, {m.template_version_id for m in messages})
    batch = Batch(
        session=session,
        now=now,
        messages=messages,
        stores=_stores(session, {m.store_id for m in messages}),
        customers=_customers(session, {m.customer_id for m in messages}),
        campaigns=_campaigns(session, {m.campaign_id for m in messages if m.campaign_id}),
        triggers=app.triggers,
    )
    worn = guises(app, session, messages)
    names = {i: set(c.names) for i, c in compiled.items()}
    for message in messages:
        if message.template_version_id in names:
            names[message.template_version_id] |= _guise(worn, message).names
    sources = _sources(batch, {i: sorted(used & VALUES.keys()) for i, used in names.items()})
    envelopes = _Envelopes(app, batch)
    loaded: dict[int, Variables] = {}
    for message in messages:
        wanted = sources.get(message.template_version_id)
        if wanted is None or not batch.customers[message.customer_id].email:
            continue
        loaded[message.id] = {
            "envelope": envelopes.of(message, _guise(worn, message)),
            "values": {name: value(message) for name, value in wanted},
        }
    return loaded


def _guise(worn: Mapping[int, Guises], message: Message) -> Guise:
    return worn.get(message.version_id or 0, {}).get(message.step_id or "", PLAIN)


def _sources(batch: Batch, names: dict[int, list[str]]) -> dict[int, list[tuple[str, Callable[[Message], Any]]]]:
    """For each template version its names, each with what gives a message its value; loaded once for all."""
    users: dict[str, set[int]] = {}
    for version_id, used in names.items():
        for name in used:
            users.setdefault(name, set()).add(version_id)
    ready = {
        name: VALUES[name].load(
            batch,
            batch.messages
            if len(of) == len(names)
            else [message for message in batch.messages if message.template_version_id in of],
        )
        for name, of in sorted(users.items())
    }
    return {version_id: [(name, ready[name]) for name in used] for version_id, used in names.items()}


def _stores(session: Session, ids: Iterable[int]) -> dict[int, Store]:
    return {s.id: s for s in session.scalars(select(Store).where(Store.id.in_(sorted(ids))))}


def _customers(session: Session, ids: Iterable[int]) -> dict[int, Any]:
    columns = (
        Customer.id,
        Customer.email,
        Customer.first_name,
        Customer.last_name,
        Customer.locale,
        Customer.timezone,
        Customer.country,
        Customer.city,
        Customer.birthday_month,
        Customer.birthday_day,
        Customer.birthday_year,
        Customer.created_at,
    )
    return {row.id: row for row in session.execute(select(*columns).where(Customer.id.in_(sorted(ids))))}


def _campaigns(session: Session, ids: Iterable[int]) -> dict[int, Any]:
    found = select(Campaign.id, Campaign.public_id, Campaign.name).where(Campaign.id.in_(sorted(ids)))
    return {row.id: row for row in session.execute(found)}


def _plain(text: str) -> str:
    """A name as it may stand in a header: in one line, without control characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


class _Envelopes:
    """The envelopes of a batch: what is the same for all of a store's mails is made once."""

    def __init__(self, app: App, batch: Batch) -> None:
        self._batch = batch
        self._senders = {
            store.id: {
                "base_url": app.settings.public_url,
                "from_email": store.sender_email,
                "from_name": _plain(store.sender_name or store.name),
                "reply_to": _plain(store.reply_to),
                # Only where it differs: what was sent before must come out the same again.
                **({"tracking": "off"} if consent_policy.of_store(store).tracking == "off" else {}),
            }
            for store in batch.stores.values()
        }
        self._places = {
            store.id: f"{store.public_id}.{store.sender_email.rpartition('@')[2] or 'localhost'}"
            for store in batch.stores.values()
        }

    def of(self, message: Message, guise: Guise = PLAIN) -> dict[str, Any]:
        store, customer = self._batch.stores[message.store_id], self._batch.customers[message.customer_id]
        campaign = self._batch.campaigns[message.campaign_id].public_id if message.campaign_id else ""
        return {
            **self._senders[store.id],
            **({"from_name": _plain(guise.sender_name)} if guise.sender_name else {}),
            **({"subject": guise.subject} if guise.subject else {}),
            "to_email": customer.email,
            "to_name": _plain(f"{customer.first_name} {customer.last_name}"),
            "mail_class": message.mail_class,
            "campaign": campaign,
            "list_id": f"{message.topic}.{self._places[store.id]}",
            "feedback_id": f"{campaign or 'none'}:{store.public_id}:{message.mail_class}:cartwheel",
        }
