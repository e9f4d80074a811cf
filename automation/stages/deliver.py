"""Ready messages leave through their store's provider; what a request without an answer became is found out.

First what dead workers held is taken back, then the unknown are asked about, then each connection with work gets
its share: claim (transaction) → render (none) → and for each request: submit (transaction) → send (none) → journal
(on disk) → settle (transaction). A worker may die between any two of these; `automation.delivery` says what then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from automation.app import App
from automation.connections import provider_of
from automation.delivery import claims, contents, ladder, lines, quarantine, recovery
from automation.delivery.contents import Content
from automation.delivery.journal import Entry, Journal
from automation.delivery.moment import Moment
from automation.delivery.results import judge, send
from automation.delivery.settling import heed, settle
from automation.errors import Misconfigured, NotAllowed, SetupError, TemplateBroken
from automation.faults import declare, fault
from automation.models import Connection, Message
from automation.provider import Provider

declare(
    "deliver.claimed",
    "deliver.rendered",
    "deliver.submitted",
    "deliver.sent",
    "deliver.journalled",
    "deliver.settled",
    "deliver.split",
)

log = logging.getLogger(__name__)


def deliver(app: App, now: datetime, limit: int) -> int:
    """Move up to `limit` ready messages on, after what dead workers left and what is unknown; answers how many."""
    moment = Moment(app, now)
    journal = recovery.journal_of(app, now)
    moved = recovery.retry_failed(app, journal, now)
    moved += recovery.recover(app, now, limit)
    moved += ladder.resolve(app, moment, journal, limit)
    with app.db.read() as session:
        lanes = claims.lanes(session, moment())[:limit]
        session.expunge_all()
    failures: list[Exception] = []
    for lane in lanes:
        try:
            moved += _serve(app, lane, moment, journal, max(1, limit // len(lanes)))
        except Exception as error:
            # One store's trouble must not keep the others waiting.
            log.exception("Delivering through connection %s failed", lane.id)
            failures.append(error)
    if failures:
        raise failures[0]
    return moved


def replay(app: App, now: datetime) -> int:
    """Record what the journals of dead processes say; done by itself at the first delivery."""
    return recovery.replay(app, now)


def _serve(app: App, lane: Connection, moment: Moment, journal: Journal, share: int) -> int:
    try:
        provider = provider_of(app, lane, lines.client(app))
    except (NotAllowed, SetupError) as error:
        with app.db.write() as session:
            heed(session, lane.id, Misconfigured(str(error)), moment())
        return 0
    with app.db.write() as session:
        messages, dropped = claims.claim(session, app, lane, moment(), share)
    fault("deliver.claimed")
    if messages:
        good = _prepare(app, messages, moment)
        _send_all(app, lane, provider, good, moment, journal)
    return len(messages) + dropped


def _prepare(app: App, messages: Sequence[Message], moment: Moment) -> list[Content]:
    try:
        done = contents.prepare(app, messages, moment())
    except TemplateBroken:
        # The renderer is being stopped, and we with it.
        with app.db.write() as session:
            claims.release(session, messages)
        return []
    fault("deliver.rendered")
    for reason, _ in done.broken.values():
        app.counts.add("render_errors", reason)
    if done.broken:
        ids = {"message_ids": [m.public_id for m in done.broken]}
        log.warning("%d mails cannot be rendered and are parked", len(done.broken), extra=ids)
    if done.broken or done.gone:
        with app.db.write() as session:
            claims.park(session, done.broken)
            quarantine.pause(session, done.hopeless, moment())
            claims.drop_claimed(session, done.gone)
    return done.good


def _send_all(
    app: App, lane: Connection, provider: Provider, good: Sequence[Content], moment: Moment, journal: Journal
) -> None:
    """Request by request, each committed right before it leaves: so little is unknown after a crash."""
    if not good:
        return
    stop_at = good[0].message.lease_until
    assert stop_at is not None
    stop_at -= claims.spare(app)
    waiting = deque(contents.requests(provider, good))
    is_open = True
    while waiting and is_open and moment() < stop_at:
        is_open = _request(app, lane, provider, waiting, moment, journal)
    left = [c.message for portion in waiting for c in portion]
    if left:
        with app.db.write() as session:
            claims.release(session, left)


def _request(
    app: App, lane: Connection, provider: Provider, waiting: deque[list[Content]], moment: Moment, journal: Journal
) -> bool:
    """Send the next portion; a refused one is halved and put back. False when the connection must rest."""
    portion = waiting.popleft()
    with app.db.write() as session:
        attempt, going = claims.submit(session, app, lane, portion, moment())
    if attempt is None:
        return True
    fault("deliver.submitted")
    messages = [c.message for c in going]
    if moment() > attempt.lease_until - claims.spare(app):
        # We were stopped, and woke up late: others may take these for unknown before the answer comes.
        with app.db.write() as session:
            claims.take_back(session, attempt, messages, moment(), "late")
        waiting.appendleft(going)
        return False
    answer = send(provider, [c.mail for c in going], attempt.key)
    fault("deliver.sent")
    at = moment()
    results = tuple(judge(messages, answer, at, app.settings.settle))
    with journal.entered(Entry(attempt.key, at, results)):
        fault("deliver.journalled")
        with app.db.write() as session:
            if answer.is_refused_batch:
                claims.take_back(session, attempt, messages, at, "refused")
            else:
                settle(session, attempt.id, results, at)
            heed(session, lane.id, answer.concern, at)
    fault("deliver.settled")
    for result in results:
        app.counts.add("sends", result.verdict)
    ids = {"message_ids": [m.public_id for m in messages]}
    log.debug("Request %s was settled: %s", attempt.key, sorted({r.verdict for r in results}), extra=ids)
    if answer.is_refused_batch:
        middle = len(going) // 2
        waiting.extendleft((going[middle:], going[:middle]))
        fault("deliver.split")
    return answer.may_go_on
