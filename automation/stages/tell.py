"""Beside the belt: what flows told the people who run a store goes to those of them by mail who want it so.

Each gets at most one digest in `EVERY`, and each notice is mailed once: it is marked before the request leaves, and a
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
from sqlalchemy import String, and_, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from automation import cursors
from automation.app import App
from automation.connections import provider_of
from automation.delivery import lines
from automation.errors import NotAllowed, SendError, SetupError
from automation.models import Admin, Campaign, Connection, Cursor, Notice, Store
from automation.provider import Mail
from automation.reasons import day_and_time
from automation.security import random_id

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=30)
MOST_TOLD = 20
"""Notices in one digest; of more their number is told."""
_NAME = "tell"


@dataclass(frozen=True, slots=True)
class _Digest:
    """What one admin is to be told of one store."""

    store_id: int
    connection_id: int
    mail: Mail


def tell(app: App, now: datetime, limit: int) -> int:
    """Mail at most `limit` digests of notices that nobody has seen to; how many were tried."""
    with app.db.read() as session:
        due = _due(session, now, limit)
    if not due:
        return 0
    with app.db.write() as session:
        digests = [digest for store_id, admin_id in due if (digest := _claim(app, session, store_id, admin_id, now))]
    for digest in digests:
        _send(app, digest)
    return len(digests)


def _due(session: Session, now: datetime, limit: int) -> Sequence[Any]:
    """Who has something new to be told, in which store: (store's id, admin's id)."""
    return session.execute(
        select(Notice.store_id, Admin.id)
        .join(Admin, _is_theirs())
        .join(Connection, _is_sending(now))
        .outerjoin(Cursor, Cursor.name == _name(Notice.store_id, Admin.id))
        .where(_is_new(), or_(Cursor.at.is_(None), Cursor.at <= now - EVERY))
        .distinct()
        .limit(limit)
    ).all()


def _is_theirs() -> Any:
    return and_(
        Admin.wants_mails.is_(True),
        Admin.is_disabled.is_(False),
        or_(Notice.admin_id.is_(None), Notice.admin_id == Admin.id),
        # What was there before they asked for mails is on the home page.
        Notice.created_at >= Admin.wants_mails_since,
    )


def _is_sending(now: datetime) -> Any:
    return and_(
        Connection.store_id == Notice.store_id,
        Connection.is_default.is_(True),
        Connection.state == "active",
        or_(Connection.not_before.is_(None), Connection.not_before <= now),
    )


def _is_new() -> Any:
    return and_(Notice.read_at.is_(None), Notice.id > func.coalesce(Cursor.position, 0))


def _name(store_id: Any, admin_id: Any) -> Any:
    return literal(f"{_NAME}:", String()) + cast(store_id, String()) + ":" + cast(admin_id, String())


def _claim(app: App, session: Session, store_id: int, admin_id: int, now: datetime) -> _Digest | None:
    """Mark the notices as told, and put them into a mail; None where another worker was quicker."""
    admin = session.get_one(Admin, admin_id, with_for_update=True)
    name = f"{_NAME}:{store_id}:{admin_id}"
    told = session.get(Cursor, name)
    if told is not None and told.at > now - EVERY:
        return None
    rows = session.execute(
        select(Notice, Campaign.name, Connection.id)
        .join(Admin, and_(Admin.id == admin_id, _is_theirs()))
        .join(Connection, _is_sending(now))
        .join(Campaign, Campaign.id == Notice.campaign_id)
        .outerjoin(Cursor, Cursor.name == name)
        .where(Notice.store_id == store_id, _is_new())
        .order_by(Notice.id)
    ).all()
    if not rows:
        return None
    store = session.get_one(Store, store_id)
    cursors.move(session, name, rows[-1][0].id, now)
    if not store.sender_email:
        return None
    said = [(notice.text, campaign, notice.created_at) for notice, campaign, _ in rows]
    return _Digest(store_id, rows[0][2], _mail(app, store, admin, said, now))


def _mail(app: App, store: Store, admin: Admin, said: Sequence[tuple[str, str, datetime]], now: datetime) -> Mail:
    zone = admin.timezone or store.timezone
    shown = [(text, f"{campaign}, {day_and_time(at, zone)}") for text, campaign, at in said[:MOST_TOLD]]
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
