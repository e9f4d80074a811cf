"""Expected, accepted by the provider, recorded: the three must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from automation.app import App
from automation.delivery.ladder import EVENTS_WINDOW
from automation.delivery.results import POSSIBLE_DUPLICATE
from automation.models import IN_FLIGHT, SENT, Attempt, Connection, Message
from automation.provider import Provider
from tests.crash.world import LATEST

CLASSES = {"a": "A", "b": "B", "c": "C"}
PLANTED = "complained"
"""The state of the mails of the campaign that annoys, which nobody sent."""


class Acceptance(NamedTuple):
    """A mail that the provider took."""

    guarantee: str
    provider_id: str
    at: float
    """Seconds of the machine."""
    key: str


@dataclass
class Findings:
    """What the audit counted, and what it objects to."""

    counts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def object_to(self, rows: list[Any], what: str) -> None:
        """An objection for anything in `rows`."""
        if rows:
            self.faults.append(f"{len(rows)} {what}, for example {rows[:3]}")


def _lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def _recorded(app: App, found: Findings) -> tuple[Any, dict[int, Any], dict[int, list[Any]]]:
    """What the database says: the messages, each connection's class, the requests without an answer."""
    with app.db.read() as session:
        rows = session.execute(
            select(
                Message.id,
                Message.public_id,
                Message.state,
                Message.reason,
                Message.provider_id,
                Message.attempt_id,
                Message.mail_class,
                Message.connection_id,
            ).where(Message.state != PLANTED)
        ).all()
        kinds = {
            c.id: app.providers[c.kind].guarantee
            for c in session.scalars(select(Connection).where(Connection.role == "provider"))
        }
        attempts = {
            a.id: a.message_ids for a in session.scalars(select(Attempt).where(Attempt.state.in_(("open", "unsure"))))
        }
        if app.db.is_sqlite:
            sound = session.execute(text("PRAGMA integrity_check")).scalar()
            if sound != "ok":
                found.faults.append(f"integrity_check: {sound}")
    return rows, kinds, attempts


def audit(app: App, truth: Path, suppressed: Path, *, in_flight: int, kills: int, unanswered_allowed: int) -> Findings:
    """Compare. `in_flight` is how many requests can be out at once for each kill."""
    accepted: dict[str, list[Acceptance]] = defaultdict(list)
    for dialect, message_id, provider_id, at, key in _lines(truth):
        if dialect in CLASSES:
            accepted[message_id].append(Acceptance(CLASSES[dialect], provider_id, float(at), key))
    stopped = {int(i): float(at) for i, at in reversed(_lines(suppressed))}
    found = Findings()
    rows, kinds, attempts = _recorded(app, found)
    by_id = {row.public_id: row for row in rows}
    classes = {row.id: kinds.get(row.connection_id or 0, "") for row in rows}
    found.counts = {
        "expected": len(rows),
        "accepted": sum(map(len, accepted.values())),
        "states": dict(Counter(row.state for row in rows)),
        "suppressed": len(stopped),
        "unknown": dict(Counter(classes[row.id] for row in rows if row.state == "unknown")),
        "reasons": dict(Counter(f"{r.state}:{r.reason}" for r in rows if r.state not in SENT)),
    }
    twice = [i for i, told in accepted.items() if len(told) > 1]
    with app.db.read() as session:
        excused = {i: said for i in twice if i in by_id and (said := _excuse(session, by_id[i], accepted[i]))}
    doubled = [(i, accepted[i]) for i in twice if i not in excused]
    found.counts["duplicates"] = len(doubled)
    found.counts["flagged_duplicates"] = len(excused)
    found.counts["flagged"] = list(excused.values())
    found.object_to(doubled, "mails were accepted twice")
    found.object_to([i for i in accepted if i not in by_id], "mails were accepted that nobody knows")
    _compare(found, rows, accepted)
    _look_at_unknown(found, rows, classes, attempts, set(stopped), in_flight * kills + unanswered_allowed)
    late = [
        (row.id, one.at - stopped[row.id])
        for row in rows
        for one in accepted.get(row.public_id, [])
        if row.id in stopped and one.at > stopped[row.id] + 1 + LATEST
    ]
    found.object_to(late, "mails were sent after their recipient was suppressed")
    return found


def _excuse(session: Session, row: Any, told: Sequence[Acceptance]) -> str:
    """What makes a mail that was accepted twice one that was sent again by design, in words; empty for nothing.

    The row itself must say so. It must be transactional; the provider must have taken it under two keys, which are
    those of two attempts; and the second must have begun when the first had not been heard of for the whole window
    (for class A: when its key had expired).
    """
    if row.reason != POSSIBLE_DUPLICATE or row.mail_class != "transactional" or len(told) != 2:
        return ""
    first, second = told
    if first.guarantee != second.guarantee or first.guarantee == "B":
        return ""
    attempts = {
        a.key: a
        for a in session.scalars(select(Attempt).where(Attempt.key.in_((first.key, second.key))))
        if row.id in a.message_ids
    }
    if len(attempts) != 2:
        return ""
    waited = attempts[second.key].started_at - attempts[first.key].started_at
    if waited < max(EVENTS_WINDOW, Provider.key_window):
        return ""
    return f"message {row.id}, class {first.guarantee}, reason {row.reason}, sent again after {waited}"


def _compare(found: Findings, rows: Any, accepted: dict[str, list[Acceptance]]) -> None:
    stuck = [(r.id, r.state) for r in rows if r.state in (*IN_FLIGHT, "ready", "retry", "draft", "parked")]
    found.object_to(stuck, "messages did not come to an end")
    lost = [(r.id, r.reason) for r in rows if r.state in SENT and r.public_id not in accepted]
    found.counts["lost"] = len(lost)
    found.object_to(lost, "mails are recorded as accepted, but the provider never had them")
    denied = [(r.id, r.state, r.reason) for r in rows if r.state in ("dropped", "rejected") and r.public_id in accepted]
    found.object_to(denied, "mails are recorded as not sent, but the provider has them")
    renamed = [
        (r.id, r.provider_id)
        for r in rows
        if r.state in SENT
        and r.public_id in accepted
        and r.provider_id not in {one.provider_id for one in accepted[r.public_id]}
    ]
    found.object_to(renamed, "mails are recorded under an id that the provider did not give them")
    silent = [(r.id, r.state) for r in rows if r.state in ("dropped", "rejected", "parked", "unknown") and not r.reason]
    found.object_to(silent, "messages were not sent and nothing says why")


def _look_at_unknown(
    found: Findings, rows: Any, classes: dict[int, str], attempts: dict[int, Any], stopped: set[int], allowed: int
) -> None:
    """What may be unknown, by class.

    B: nothing. A: a batch with somebody in it who was suppressed since. C: what was in flight when a worker died
    or the provider did not answer.
    """
    unknown = [r for r in rows if r.state == "unknown"]
    found.object_to([r.id for r in unknown if classes[r.id] == "B"], "messages of class B are unknown")
    unexplained = [
        r.id for r in unknown if classes[r.id] == "A" and not stopped.intersection(attempts.get(r.attempt_id, []))
    ]
    found.object_to(unexplained, "messages of class A are unknown for no reason")
    silent = [r.id for r in unknown if classes[r.id] == "C"]
    if len(silent) > allowed:
        found.faults.append(f"{len(silent)} messages of class C are unknown, more than {allowed} were in flight")
