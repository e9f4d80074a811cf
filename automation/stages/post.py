"""The outgoing webhooks that flows left behind are sent, signed, and tried again until they are taken.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks): headers `webhook-id`, `webhook-timestamp`
and `webhook-signature`; any 2xx takes it, 410 gives up at once, all else is tried again at growing distances. At
least once: a worker that dies between the answer and its record sends again, under the same id.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import literal_column, select, update

from automation import bulk, outside
from automation.app import App
from automation.errors import Refused
from automation.faults import declare, fault
from automation.models import OutboundWebhook
from automation.security import Keyring

declare("post.after_claim", "post.after_answer")

LEASE = timedelta(minutes=2)
"""A request that was claimed this long ago and not recorded is sent by somebody else."""
RETRIES = tuple(timedelta(seconds=s) for s in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600))
"""After each attempt that failed, how long until the next; after the last it is given up."""
AT_ONCE = 8
"""Requests under way at the same time."""
SECRET_PREFIX = "whsec_"  # noqa: S105  how such secrets begin, not one of them


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    public_id: str
    store_id: int
    url: str
    body: str
    fence: int
    attempt_count: int


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None
    detail: str
    is_final: bool = False


def secret_of(keyring: Keyring, store_id: int) -> str:
    """The secret by which a store's receivers check signatures, as they are given it: whsec_<base64>."""
    return SECRET_PREFIX + base64.b64encode(keyring.derive(f"outgoing webhooks of store {store_id}")).decode()


def signature(secret: str, webhook_id: str, timestamp: int, body: str) -> str:
    """The `webhook-signature` header: v1 and the base64 of HMAC-SHA256 over "id.timestamp.body"."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{webhook_id}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def post(app: App, now: datetime, limit: int) -> int:
    """Send at most `limit` webhooks that are due; how many were tried."""
    claimed = _claim(app, now, min(limit, 4 * AT_ONCE))
    if not claimed:
        return 0
    fault("post.after_claim")
    with app.outside() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda one: _send(app, client, one, now), claimed))
    fault("post.after_answer")
    _record(app, claimed, answers, now)
    return len(claimed)


def _claim(app: App, now: datetime, limit: int) -> list[_Claimed]:
    row = OutboundWebhook
    with app.db.read() as session:
        if session.execute(select(row.id).where(_IS_WAITING, row.due_at <= now).limit(1)).first() is None:
            return []
    with app.db.write() as session:
        due = (
            select(row.id)
            .where(_IS_WAITING, row.due_at <= now)
            .order_by(row.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = session.execute(
            update(row)
            .where(row.id.in_(due))
            .values(due_at=now + LEASE, fence=row.fence + 1, attempt_count=row.attempt_count + 1)
            .returning(row.id, row.public_id, row.store_id, row.url, row.body, row.fence, row.attempt_count)
            .execution_options(synchronize_session=False)
        )
        return [_Claimed(*one) for one in found]


# Spelt as the partial index spells it: with a bound parameter SQLite would not see that it fits.
_IS_WAITING: Any = literal_column("state = 'waiting'")


def _send(app: App, client: httpx.Client, one: _Claimed, now: datetime) -> _Answer:
    timestamp = int(now.timestamp())
    secret = secret_of(app.keyring, one.store_id)
    headers = {
        "content-type": "application/json",
        "webhook-id": one.public_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, one.public_id, timestamp, one.body),
    }
    problem = outside.problem_of(one.url)
    if problem is not None:
        return _Answer(None, problem, is_final=True)
    try:
        # What the other side says beyond its status is not read: it is nobody's business here.
        with client.stream("POST", one.url, content=one.body.encode(), headers=headers) as response:
            status = response.status_code
    except Refused as error:
        return _Answer(None, str(error), is_final=True)
    except httpx.TimeoutException:
        return _Answer(None, "no answer in time")
    except (httpx.HTTPError, httpx.InvalidURL):
        return _Answer(None, "no connection")
    if 200 <= status < 300:
        return _Answer(status, "")
    if status == 410:
        return _Answer(status, "the receiver wants no more of these", is_final=True)
    if 300 <= status < 400:
        return _Answer(status, "the address leads elsewhere; redirects are not followed")
    return _Answer(status, f"answered {status}")


def _record(app: App, claimed: Sequence[_Claimed], answers: Sequence[_Answer], now: datetime) -> None:
    rows = []
    for one, answer in zip(claimed, answers, strict=True):
        is_sent = not answer.detail
        retry = None if answer.is_final or is_sent else _retry(one.attempt_count)
        rows.append(
            {
                "id": one.id,
                "fence": one.fence,
                "state": "sent" if is_sent else "waiting" if retry else "failed",
                "due_at": now + (retry or timedelta()),
                "status": answer.status,
                "detail": answer.detail,
                "sent_at": now if is_sent else None,
            }
        )
    with app.db.write() as session:
        bulk.update(session, OutboundWebhook, rows, key=("id", "fence"))


def _retry(attempts: int) -> timedelta | None:
    return RETRIES[attempts - 1] if attempts <= len(RETRIES) else None
