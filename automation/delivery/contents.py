"""The finished mails of a claimed batch. What a message was first rendered from is kept and never changes:
a later attempt is made from the stored variables and must come out byte for byte the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.addresses import key_of
from automation.app import App
from automation.delivery import quarantine
from automation.errors import TemplateBroken
from automation.models import Customer, Message, Rendering
from automation.provider import Mail, Provider
from automation.rendering.compose import Composed, compose
from automation.rendering.context import Variables, load

_OVERHEAD = 2_000
"""Bytes of a mail in a request beside its parts: headers, metadata, JSON."""
_ESCAPES = 1.1
"""JSON spells quotes and line ends in two letters."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Content:
    """A message and its finished mail."""

    message: Message
    mail: Mail
    payload_hash: str
    variables: Variables
    is_new: bool
    """False when an earlier attempt has stored what it was made of."""

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        parts = (self.mail.html, self.mail.text, self.mail.subject)
        return int(sum(len(p.encode()) for p in parts) * _ESCAPES) + _OVERHEAD


Broken = tuple[str, str]
"""Why a message is parked: reason and detail."""


def stored(session: Session, message_ids: Iterable[int]) -> tuple[dict[int, Rendering], set[int]]:
    """What messages were made of at their first attempt, by id, and those whose recipient has moved since."""
    given = bulk.table(session, [Message.id], [{"id": i} for i in message_ids])
    rows = session.execute(
        select(Rendering, Customer.email_key)
        .join(given, given.c.id == Rendering.message_id)
        .join(Message, Message.id == Rendering.message_id)
        .join(Customer, Customer.id == Message.customer_id)
    ).all()
    moved = {row.message_id for row, email_key in rows if key_of(row.to_email) != email_key}
    return {row.message_id: row for row, _ in rows}, moved


@dataclass(slots=True)
class Prepared:
    """What became of a claimed batch."""

    good: list[Content]
    broken: dict[Message, Broken]
    hopeless: dict[int, str]
    """Campaigns none of whose mails can be rendered, and why."""
    gone: dict[Message, str]
    """Whose recipient cannot be mailed any more, and why."""


def prepare(app: App, messages: Sequence[Message], now: datetime) -> Prepared:
    """Load what the messages need and render them, in their order."""
    seen = [m.id for m in messages if m.attempt_id is not None]
    with app.db.read() as session:
        before, moved = stored(session, seen) if seen else ({}, set())
        variables = load(app, session, [m for m in messages if m.id not in before], now)
        session.expunge_all()
    variables |= {i: dict(row.variables) for i, row in before.items()}
    gone = {
        m: "address_changed" if m.id in moved else "no_address"
        for m in messages
        if m.id in moved or m.id not in variables
    }
    known = [m for m in messages if m not in gone]
    done = Prepared([], {}, {}, gone)
    failed: dict[Message, TemplateBroken] = {}
    dates = {m.id: before[m.id].rendered_at if m.id in before else now for m in known}
    for m, made in zip(known, _compose(app, known, variables, dates), strict=True):
        if isinstance(made, TemplateBroken):
            where = f" ({made.part}{f', line {made.line}' if made.line else ''})" if made.part else ""
            done.broken[m] = ("template_broken", f"{made}{where}")
            failed[m] = made
        elif m.id in before and before[m.id].payload_hash != made.payload_hash:
            done.broken[m] = ("payload_changed", "It would not be the same mail as at the first attempt.")
        else:
            done.good.append(Content(m, made.mail, made.payload_hash, variables[m.id], m.id not in before))
    done.hopeless = quarantine.hopeless(failed, [c.message for c in done.good])
    return done


def _compose(
    app: App, messages: Sequence[Message], variables: Mapping[int, Variables], dates: Mapping[int, datetime]
) -> list[Composed | TemplateBroken]:
    """Like compose(), but a failure that it did not foresee costs one message, not the batch.

    Raises TemplateBroken when the renderer was stopped, and what went wrong when it went wrong with every message:
    then it is not the mails' fault.
    """
    if not messages:
        return []
    try:
        return compose(app, messages, variables, dates)
    except TemplateBroken:
        raise
    except Exception as error:
        log.exception("A batch of %d mails could not be rendered", len(messages))
        failure = error
    results: list[Composed | TemplateBroken] = []
    failed = 0
    for m in messages:
        try:
            results += compose(app, [m], variables, dates)
        except TemplateBroken:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, the others can go on
            failed += 1
            results.append(TemplateBroken(f"Rendering failed: {type(error).__name__}"))
    if failed == len(messages):
        raise failure
    return results


def again(app: App, messages: Sequence[Message], before: Mapping[int, Rendering]) -> list[Mail] | None:
    """The same mails once more, or None if any does not come out as it was."""
    if any(m.id not in before for m in messages):
        return None
    variables: dict[int, Variables] = {i: dict(row.variables) for i, row in before.items()}
    dates = {i: row.rendered_at for i, row in before.items()}
    mails = []
    for m, made in zip(messages, _compose(app, messages, variables, dates), strict=True):
        if isinstance(made, TemplateBroken) or made.payload_hash != before[m.id].payload_hash:
            return None
        mails.append(made.mail)
    return mails


def requests(provider: Provider, contents: Sequence[Content]) -> list[list[Content]]:
    """Contents in portions that fit into one request each."""
    portions: list[list[Content]] = []
    room = 0
    for c in contents:
        size = c.size
        if not portions or len(portions[-1]) >= provider.batch_size or room < size:
            portions.append([])
            room = provider.batch_bytes
        portions[-1].append(c)
        room -= size
    return portions
