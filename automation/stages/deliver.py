"""Ready messages leave through their store's provider; what a request without an answer became is found out.

First what dead workers held is taken back, then the unknown are asked about, then each connection with work gets
its share: claim (transaction) → render (none) → and for each request: submit (transaction) → send (none) → journal
(on disk) → settle (transaction). A worker may die between any two of these; `automation.delivery` says what then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from automation.app import App
from automation.connections import provider_of
from automation.delivery import claims, contents, ladder, lines, quarantine, rates, recovery, routes
from automation.delivery.contents import Content
from automation.delivery.journal import Entry, Journal
from automation.delivery.moment import Moment
from automation.delivery.results import Result, judge, send
from automation.delivery.routes import Lane
from automation.delivery.settling import heed, settle
from automation.delivery.turns import TURN, Turns, turns_of
from automation.errors import CartwheelError, Later, Misconfigured, NotAllowed, SetupError, TemplateBroken
from automation.faults import declare, fault
from automation.models import Message
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
    turns = turns_of(app.db)
    with app.db.read() as session:
        lanes, changes = routes.lanes(session, app, turns, moment())
        session.expunge_all()
    if changes:
        with app.db.write() as session:
            routes.note(session, changes, moment())
    stores = len({lane.connection.store_id for lane in lanes[:limit]})
    failures: list[Exception] = []
    until = moment() + TURN
    for lane in lanes[:limit]:
        if moment() > until:
            # The others are served at the next call, before those that were now, unless those are more urgent.
            break
        try:
            moved += _serve(app, lane, moment, journal, max(1, int(lane.share * limit / stores)))
        except Exception as error:
            # One store's trouble must not keep the others waiting.
            log.exception("Delivering through connection %s failed", lane.connection.id)
            failures.append(error)
    if failures:
        raise failures[0]
    return moved


def replay(app: App, now: datetime) -> int:
    """Record what the journals of dead processes say; done by itself at the first delivery."""
    return recovery.replay(app, now)


def _serve(app: App, lane: Lane, moment: Moment, journal: Journal, share: int) -> int:
    connection, turns, began = lane.connection, turns_of(app.db), moment()
    turns.begin(connection.id)
    try:
        provider = provider_of(app, connection, lines.client(app))
    except (NotAllowed, SetupError) as error:
        with app.db.write() as session:
            heed(session, connection.id, Misconfigured(str(error)), moment())
        return 0
    if lane.is_probe and not _may_probe(app, lane, provider, moment):
        return 0
    with app.db.write() as session:
        messages, dropped = claims.claim(session, app, lane, moment(), _size(lane, turns, share))
    fault("deliver.claimed")
    if messages:
        good = _prepare(app, messages, moment)
        sent = _send_all(app, lane, provider, good, moment, journal, began + TURN)
        turns.ended(connection.id, sent, moment() - began)
    return len(messages) + dropped


def _size(lane: Lane, turns: Turns, share: int) -> int:
    if lane.is_probe:
        return 1
    size = turns.size(lane.connection.id, share)
    return size if lane.most is None else min(size, lane.most)


def _may_probe(app: App, lane: Lane, provider: Provider, moment: Moment) -> bool:
    """Whether a connection that was down can be reached again; one worker at a time asks it.

    What else it says of its settings is no proof: a key that may send need not be allowed to look.
    """
    with app.db.write() as session:
        if not routes.reserve_probe(session, lane, moment()):
            return False
    try:
        provider.check()
    except Later as error:
        log.info("Connection %s is still down: %s", lane.connection.id, error)
        return False
    except CartwheelError as error:
        log.info("Connection %s: %s", lane.connection.id, error)
    return True


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
    app: App,
    lane: Lane,
    provider: Provider,
    good: Sequence[Content],
    moment: Moment,
    journal: Journal,
    turn_ends: datetime,
) -> int:
    """Request by request, each committed right before it leaves: so little is unknown after a crash; how many went.

    What is left when the turn is over, or the connection must rest, goes back.
    """
    if not good:
        return 0
    stop_at = good[0].message.lease_until
    assert stop_at is not None
    stop_at -= claims.spare(app)
    queue = _Queue(deque(contents.requests(provider, good)))
    is_open = True
    while queue.waiting and is_open and moment() < stop_at:
        is_open = _request(app, lane, provider, queue, moment, journal)
        # One request leaves in every turn, however long rendering took; and what is being halved is halved to its
        # end: begun anew every time, it would never come to one.
        is_open = is_open and (queue.halves > 0 or moment() < turn_ends)
    left = [c.message for portion in queue.waiting for c in portion]
    if left:
        with app.db.write() as session:
            claims.release(session, left)
    return len(good) - len(left)


@dataclass(slots=True)
class _Queue:
    """Portions that wait for their request."""

    waiting: deque[list[Content]]
    halves: int = 0
    """How many of the first ones are parts of a portion that was refused."""


def _request(app: App, lane: Lane, provider: Provider, queue: _Queue, moment: Moment, journal: Journal) -> bool:
    """Send the next portion; a refused one is halved and put back. False when the connection must rest."""
    waiting, connection = queue.waiting, lane.connection
    portion = waiting.popleft()
    if queue.halves:
        queue.halves -= 1
        rates.owe(app, connection, len(portion), moment())
    elif lane.most is not None:
        granted = rates.take(app, connection, len(portion), moment())
        if granted < len(portion):
            waiting.appendleft(portion[granted:])
            portion = portion[:granted]
        if not portion:
            return False
    with app.db.write() as session:
        attempt, going = claims.submit(session, app, connection, portion, moment())
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
    judged = judge(messages, answer, at, app.settings.settle)
    results = tuple(replace(r, due_at=at) if lane.is_covered and r.verdict == "later" else r for r in judged)
    with journal.entered(Entry(attempt.key, at, results)):
        fault("deliver.journalled")
        with app.db.write() as session:
            if answer.is_refused_batch:
                claims.take_back(session, attempt, messages, at, "refused")
            else:
                settle(session, attempt.id, results, at)
            heed(session, connection.id, answer.concern, at, was_down=connection.down_since is not None)
    fault("deliver.settled")
    _tell(app, attempt.key, messages, results)
    rates.learn(app, connection, lines.heard(), answer, at)
    if answer.concern is None:
        rates.ask(app, connection, provider, lane.state, at)
    if answer.is_refused_batch:
        middle = len(going) // 2
        waiting.extendleft((going[middle:], going[:middle]))
        queue.halves += 2
        fault("deliver.split")
    return answer.may_go_on


def _tell(app: App, key: str, messages: Sequence[Message], results: Sequence[Result]) -> None:
    """Count what became of a request, and leave a line in the log that names its mails."""
    for result in results:
        app.counts.add("sends", result.verdict)
    ids = {"message_ids": [m.public_id for m in messages]}
    log.debug("Request %s was settled: %s", key, sorted({r.verdict for r in results}), extra=ids)
