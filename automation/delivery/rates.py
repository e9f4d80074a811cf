"""A connection's rate, shared by every worker of the installation: its bucket is a row.

A row is read and written in a short transaction of its own, once for each request to the provider, so that nobody
waits for it while mails are rendered or sent. Connections without a limit have none and cost nothing. A worker that
dies with tokens in its hands has spent them.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.delivery.bucket import Bucket
from automation.delivery.rate_headers import Heard
from automation.delivery.results import Answer
from automation.errors import HeldBack, Later, SendError
from automation.models import Connection, RateState
from automation.pacing import pacing_of
from automation.provider import Provider, Rate

UNLIMITED = Rate(1000, 1000)
"""Where neither a person nor the provider names a limit, one that says "too many" begins at half of this."""
ASK_EVERY = timedelta(hours=1)
_THROTTLED = re.compile(r"429|throttl|rate", re.IGNORECASE)

log = logging.getLogger(__name__)


def limit_of(connection: Connection, kind: type[Provider], told: float | None = None) -> Rate | None:
    """How fast a connection may send at best; None for no limit.

    What a person set is never exceeded. The provider's word counts more than what is known of its kind.
    """
    pacing = pacing_of(connection)
    known = [r for r in (pacing.per_second, told) if r is not None]
    declared = kind.rate
    if not known and declared is None:
        return None
    per_second = min(known) if known else (declared.per_second if declared else UNLIMITED.per_second)
    burst = pacing.burst or (declared.burst if declared and not known else max(1, int(per_second)))
    return Rate(per_second, burst, declared.of if declared else "mails")


def bucket_of(connection: Connection, kind: type[Provider], state: RateState | None, now: datetime) -> Bucket | None:
    """A connection's bucket; None when it may send as fast as it can."""
    rate = limit_of(connection, kind, state.told if state else None)
    if rate is None:
        if state is None or state.lowered_at is None:
            return None
        bucket = _stored(state, UNLIMITED)
        return bucket if bucket.at(now).per_second < UNLIMITED.per_second else None
    return Bucket.full(rate.per_second, rate.burst, now) if state is None else _stored(state, rate)


def _stored(state: RateState, rate: Rate) -> Bucket:
    # Before the provider said something else, the ceiling was another one: what was not lowered goes along with it.
    per_second = state.per_second if state.lowered_at is not None else rate.per_second
    return Bucket(
        ceiling=rate.per_second,
        burst=rate.burst,
        per_second=min(per_second, rate.per_second),
        tokens=min(state.tokens, rate.burst),
        filled_at=state.filled_at,
        held_until=state.held_until,
        lowered_at=state.lowered_at,
    )


def left(connection: Connection, kind: type[Provider], state: RateState | None, now: datetime) -> int | None:
    """How many mails could leave now; None for as many as one likes. Nothing is taken."""
    bucket = bucket_of(connection, kind, state, now)
    if bucket is None:
        return None
    return bucket.left(now) * (kind.batch_size if _counts_requests(kind) else 1)


def _counts_requests(kind: type[Provider]) -> bool:
    return kind.rate is not None and kind.rate.of == "requests"


def take(app: App, connection: Connection, mails: int, now: datetime) -> int:
    """Take leave for one request of up to `mails` mails; for how many it was given."""
    kind = app.providers[connection.kind]
    in_requests = _counts_requests(kind)
    with app.db.write() as session:
        bucket, state = _locked(session, connection, kind, now)
        if bucket is None:
            return mails
        bucket, granted = bucket.take(1 if in_requests else mails, now)
        _keep(session, connection.id, bucket, state)
    return (mails if granted else 0) if in_requests else granted


def owe(app: App, connection: Connection, mails: int, now: datetime) -> None:
    """Count a request that cannot be made smaller nor wait: later ones wait for it."""
    kind = app.providers.get(connection.kind)
    if kind is None:
        return
    with app.db.write() as session:
        bucket, state = _locked(session, connection, kind, now)
        if bucket is not None:
            _keep(session, connection.id, bucket.owe(1 if _counts_requests(kind) else mails, now), state)


def learn(app: App, connection: Connection, heard: Heard | None, answer: Answer, now: datetime) -> None:
    """Heed what an answer said of the provider's limits; one transaction, and none when it is known already."""
    kind = app.providers[connection.kind]
    is_throttled = (heard is not None and heard.is_throttled) or _is_throttled(answer)
    if not is_throttled and (heard is None or not _is_news(connection, kind, heard)):
        return
    with app.db.write() as session:
        bucket, state = _locked(session, connection, kind, now)
        told = state.told if state is not None else None
        if heard is not None and heard.per_second is not None:
            told = heard.per_second
            rate = limit_of(connection, kind, told)
            assert rate is not None
            bucket = replace(bucket or Bucket.full(rate.per_second, rate.burst, now), ceiling=rate.per_second)
            if bucket.lowered_at is None:
                bucket = replace(bucket, per_second=rate.per_second, burst=rate.burst)
        if bucket is None:
            bucket = Bucket.full(UNLIMITED.per_second, UNLIMITED.burst, now)
        if heard is not None and heard.remaining is not None and heard.reset is not None:
            bucket = bucket.held(heard.remaining, heard.reset, now)
        if is_throttled:
            bucket = bucket.lowered(now)
            log.warning(
                "Connection %s was told that it sends too fast: %.3g a second now", connection.id, bucket.per_second
            )
        _keep(session, connection.id, bucket, state, told=told)


def _is_throttled(answer: Answer) -> bool:
    errors: list[SendError] = (
        [answer.error] if answer.error else [o for o in answer.outcomes if isinstance(o, SendError)]
    )
    return any(isinstance(e, Later) and not isinstance(e, HeldBack) and _THROTTLED.search(e.code) for e in errors)


def _is_news(connection: Connection, kind: type[Provider], heard: Heard) -> bool:
    """Most answers repeat the last one."""
    if heard.remaining is not None and heard.remaining < 1:
        return True
    rate = limit_of(connection, kind)
    return heard.per_second is not None and (
        rate is None or abs(heard.per_second - rate.per_second) > rate.per_second / 10
    )


def ask(app: App, connection: Connection, provider: Provider, state: RateState | None, now: datetime) -> None:
    """Ask the provider for its account's quota, now and then; its failure to answer changes nothing."""
    if not provider.has_quota or (
        state is not None and state.asked_at is not None and now - state.asked_at < ASK_EVERY
    ):
        return
    try:
        quota = provider.quota()
    except SendError as error:
        log.warning("The quota of connection %s is not known: %s", connection.id, error)
        quota = None
    with app.db.write() as session:
        kind = app.providers[connection.kind]
        bucket, known = _locked(session, connection, kind, now)
        bucket = bucket or Bucket.full(UNLIMITED.per_second, UNLIMITED.burst, now)
        told = known.told if known else None
        said = known.quota if known else ""
        if quota is not None:
            told, said = quota.per_second or told, quota.words
        _keep(session, connection.id, bucket, known, told=told, asked_at=now, quota=said)


def _locked(
    session: Session, connection: Connection, kind: type[Provider], now: datetime
) -> tuple[Bucket | None, RateState | None]:
    """The bucket and its row, locked until the end of the transaction; a bucket that is needed has a row."""
    query = select(RateState).where(RateState.connection_id == connection.id).with_for_update()
    state = session.scalars(query).one_or_none()
    bucket = bucket_of(connection, kind, state, now)
    if state is None and bucket is not None:
        bulk.insert(session, RateState, [_row(connection.id, bucket)], skip=("connection_id",))
        state = session.scalars(query).one()
        bucket = bucket_of(connection, kind, state, now)
    return bucket, state


def _row(connection_id: int, bucket: Bucket) -> dict[str, object]:
    return {
        "connection_id": connection_id,
        "per_second": bucket.per_second,
        "told": None,
        "tokens": bucket.tokens,
        "filled_at": bucket.filled_at,
        "held_until": bucket.held_until,
        "lowered_at": bucket.lowered_at,
        "asked_at": None,
        "quota": "",
    }


def _keep(session: Session, connection_id: int, bucket: Bucket, state: RateState | None, **more: object) -> None:
    if state is None:
        bulk.insert(session, RateState, [{**_row(connection_id, bucket), **more}], skip=("connection_id",))
        return
    state.per_second, state.tokens, state.filled_at = bucket.per_second, bucket.tokens, bucket.filled_at
    state.held_until, state.lowered_at = bucket.held_until, bucket.lowered_at
    if bucket.per_second >= bucket.ceiling:
        state.lowered_at = None
    for name, value in more.items():
        setattr(state, name, value)
