"""Beside the belt: what flows told the people who run a store goes to those of them by mail who want it so.

So do alerts of figures that left their usual band, in a digest of their own. Each person gets at most one digest of a
kind in `EVERY`, and each line is mailed once: it is marked before the request leaves, and a
request that fails is not repeated. So a provider that is failing is never asked again and again to tell of it; what was
not mailed stays on the home page, where it is anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import escape
from sqlalchemy import ColumnElement, String, and_, cast, func, literal, or_, select, true
from sqlalchemy.orm import Session

from automation import cursors
from automation.app import App
from automation.connections import provider_of
from automation.delivery import lines
from automation.errors import NotAllowed, SendError, SetupError
from automation.models import Admin, Alert, Campaign, Connection, Cursor, Notice, Store
from automation.provider import Mail
from automation.reasons import day_and_time
from automation.security import random_id

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=30)
MOST_TOLD = 20
"""Lines in one digest; of more their number is told."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What is told of."""

    name: str
    """Of the cursors that say how far it was told."""
    model: type[Notice | Alert]
    is_open: ColumnElement[bool]
    is_theirs: ColumnElement[bool]
    """Whether an admin is one to tell of it."""


_SOURCES = (
    _Source("tell", Notice, Notice.read_at.is_(None), or_(Notice.admin_id.is_(None), Notice.admin_id == Admin.id)),
    _Source("tell-alerts", Alert, Alert.dismissed_at.is_(None), true()),
)


@dataclass(frozen=True, slots=True)
class _Digest:
    """What one admin is to be told of one store."""

    store_id: int
    connection_id: int
    mail: Mail


def tell(app: App, now: datetime, limit: int) -> int:
    """Mail at most `limit` digests of notices and alerts that nobody has seen to; how many were tried."""
    with app.db.read() as session:
        due = [(source, *row) for source in _SOURCES for row in _due(session, source, now, limit)][:limit]
    if not due:
        return 0
    with app.db.write() as session:
        digests = [
            digest
            for source, store_id, admin_id in due
            if (digest := _claim(app, session, source, store_id, admin_id, now))
        ]
    for digest in digests:
        _send(app, digest)
    return len(digests)


def _due(session: Session, source: _Source, now: datetime, limit: int) -> Sequence[Any]:
    """Who has something new to be told, in which store: (store's id, admin's id)."""
    model = source.model
    return session.execute(
        select(model.store_id, Admin.id)
        .join(Admin, _is_theirs(source))
        .join(Connection, _is_sending(source, now))
        .outerjoin(Cursor, Cursor.name == _name(source, model.store_id, Admin.id))
        .where(_is_new(source), or_(Cursor.at.is_(None), Cursor.at <= now - EVERY))
        .distinct()
        .limit(limit)
    ).all()


def _is_theirs(source: _Source) -> Any:
    return and_(
        Admin.wants_mails.is_(True),
        Admin.is_disabled.is_(False),
        source.is_theirs,
        # What was there before they asked for mails is on the home page.
        source.model.created_at >= Admin.wants_mails_since,
    )


def _is_sending(source: _Source, now: datetime) -> Any:
    return and_(
        Connection.store_id == source.model.store_id,
        Connection.is_default.is_(True),
        Connection.state == "active",
        or_(Connection.not_before.is_(None), Connection.not_before <= now),
    )


def _is_new(source: _Source) -> Any:
    return and_(source.is_open, source.model.id > func.coalesce(Cursor.position, 0))


def _name(source: _Source, store_id: Any, admin_id: Any) -> Any:
    return literal(f"{source.name}:", String()) + cast(store_id, String()) + ":" + cast(admin_id, String())


def _claim(app: App, session: Session, source: _Source, store_id: int, admin_id: int, now: datetime) -> _Digest | None:
    """Mark the lines as told, and put them into a mail; None where another worker was quicker."""
    admin = session.get_one(Admin, admin_id, with_for_update=True)
    name = f"{source.name}:{store_id}:{admin_id}"
    told = session.get(Cursor, name)
    if told is not None and told.at > now - EVERY:
        return None
    model = source.model
    rows: Sequence[Any] = session.execute(
        select(model, Connection.id)
        .join(Admin, and_(Admin.id == admin_id, _is_theirs(source)))
        .join(Connection, _is_sending(source, now))
        .outerjoin(Cursor, Cursor.name == name)
        .where(model.store_id == store_id, _is_new(source))
        .order_by(model.id)
    ).all()
    if not rows:
        return None
    store = session.get_one(Store, store_id)
    cursors.move(session, name, rows[-1][0].id, now)
    if not store.sender_email:
        return None
    where = _campaigns(session, [row for row, _ in rows])
    said = [(row.text, where.get(getattr(row, "campaign_id", None), ""), row.created_at) for row, _ in rows]
    return _Digest(store_id, rows[0][1], _mail(app, store, admin, said, now))


def _campaigns(session: Session, rows: Sequence[Any]) -> dict[int | None, str]:
    """What the campaigns are called that notices came from; an alert names its own."""
    ids = {row.campaign_id for row in rows if isinstance(row, Notice)}
    if not ids:
        return {}
    return {row.id: row.name for row in session.execute(select(Campaign.id, Campaign.name).where(Campaign.id.in_(ids)))}


def _mail(app: App, store: Store, admin: Admin, said: Sequence[tuple[str, str, datetime]], now: datetime) -> Mail:
    zone = admin.timezone or store.timezone
    shown = [
        (text, ", ".join(filter(None, (campaign, day_and_time(at, zone))))) for text, campaign, at in said[:MOST_TOLD]
    ]
    more = f"And {len(said) - MOST_TOLD} more." if len(said) > MOST_TOLD else ""
    count = "One thing" if len(said) == 1 else f"{len(said)} things"
    begin = f"{count} to see to at {store.name}"
    end = f"See to them on the home page: {app.settings.public_url}/"
    why = "You get this because you asked for it under Account, where you can also end it."
    items = "".join(f"<li>{escape(text)}<br><small>{escape(where)}</small></li>" for text, where in shown)
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in (more, end, why) if line)
    title = escape(begin)
    html = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    return Mail(
        message_id=f"notice-{random_id()}",
        from_email=store.sender_email,
        from_name=store.sender_name or store.name,
        to_email=admin.email,
        to_name=admin.name,
        reply_to=store.reply_to or store.sender_email,
        subject=begin,
        html=f"{html}<body><h1>{title}</h1><ul>{items}</ul>{paragraphs}</body></html>",
        text="\n\n".join(
            [begin, *(f"- {text}\n  ({where})" for text, where in shown), *filter(None, (more, end, why))]
        ),
        headers={"Auto-Submitted": "auto-generated"},
        mail_class="transactional",
        dated_at=now,
    )


def _send(app: App, digest: _Digest) -> None:
    try:
        with app.db.read() as session:
            connection = session.get_one(Connection, digest.connection_id)
            session.expunge_all()
        (outcome,) = provider_of(app, connection, lines.client(app)).send([digest.mail], digest.mail.message_id)
        failure: Exception | None = outcome if isinstance(outcome, SendError) else None
    except (SendError, NotAllowed, SetupError) as error:
        failure = error
    if failure is not None:
        log.warning(
            "A digest for an admin of store %s was not sent, and is not sent again: %s",
            digest.store_id,
            type(failure).__name__,
        )
