"""What would have become of those who entered: one customer's ways through the flow, with the mails on them.

Steps are the real ones and the arbiter is the real one. Only the desk is another: it writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session

from automation import arbiter
from automation.app import App
from automation.arbiter import CAPPED, Draft, Facts, Verdict
from automation.backtest.asking import Answer, Question
from automation.backtest.entering import Entry, Turn
from automation.backtest.history import History
from automation.backtest.ticks import TICK, Ticks
from automation.dice import draw
from automation.endings import Ending, Traveller, of_rules
from automation.holdouts import lots
from automation.models import Customer, Record
from automation.rules.language import Filter, Rule
from automation.rules.scope import Scope
from automation.rules.since import first_since
from automation.rules.sql import predicate
from automation.stages.advance import LATE, MAX_VISITS
from automation.step import Exit, Hold, Jump, Next, Place, Stay, WaitUntil
from automation.times import DAY, day_span, local_date, zone
from automation.timetable import ID, INSTANT, timetable
from automation.versions import Version


@dataclass(slots=True)
class Mail:
    """A mail that would have been drafted."""

    step_id: str
    drafted_at: datetime
    due_at: datetime
    expires_at: datetime
    outcome: str = "open"
    """go, drop, or open where the replay ends before it is decided."""
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    decided_at: datetime | None = None
    waited_for: str = ""
    """The code of what put it off first."""
    is_held_by_other: bool = False
    """A mail of another campaign put it off, or kept it from going."""


@dataclass(slots=True)
class Journey:
    """One customer's way through the flow for one entry."""

    entry: Entry
    place: Place
    step_id: str | None = None
    has_begun: bool = False
    visits: int = 0
    state: str = "active"
    exit_reason: str = ""
    ended_at: datetime | None = None
    mails: list[Mail] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    """How often each step was taken."""
    is_through: bool = False
    """Through all steps, while its goal may still be reached."""
    missed_step: str | None = None
    """Where it left before a mail: the next mail that did not come about."""

    def go(self, step_id: str | None, due_at: datetime) -> None:
        self.step_id = step_id
        self.place = replace(self.place, due_at=due_at, arrived_at=None, is_back=False)

    def end(self, state: str, now: datetime, reason: str = "") -> None:
        self.state, self.exit_reason, self.ended_at, self.step_id = state, reason, now, None


class ReplayDesk:
    """A desk that answers as of a moment in the past and writes nothing: drafts are counted, the rest is let be."""

    def __init__(self, session: Session, version: Version, scope: Scope, now: datetime) -> None:
        self.session = session
        self.now = now
        self.store_id, self.campaign_id, self.version_id = version.store_id, version.campaign_id, version.id
        self.drafted: list[str] = []
        self._scope = scope

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        del place, template_version_id
        self.drafted.append(step_id)

    def keep(self, model: type[Record], row: Mapping[str, Any]) -> None:
        del model, row

    def tag(self, place: Place, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        del place, add, remove

    def set_attribute(self, place: Place, name: str, value: Any) -> None:
        del place, name, value

    def pick(self, place: Place, step_id: str, arm: str) -> None:
        del place, step_id, arm

    def holding(self, places: Sequence[Place], rule: Rule) -> set[int]:
        rows = [(place.enrolment_id, place.customer_id, place.entered_at) for place in places]
        given = timetable("given", {"id": ID, "customer_id": ID, "entered_at": INSTANT}, rows)
        entry: ColumnElement[datetime] = literal_column("given.entered_at", INSTANT)
        found = self.session.scalars(
            select(given.c.id)
            .join(Customer, Customer.id == given.c.customer_id)
            .where(predicate(rule, self.now, self._scope, each=True, entry=entry))
        )
        return set(found)

    def happened(self, places: Sequence[Place], event: str, where: Sequence[Filter] = ()) -> dict[int, datetime]:
        rows = [(place.enrolment_id, place.customer_id, place.since_at) for place in places]
        given = timetable("given", {"id": ID, "customer_id": ID, "since": INSTANT}, rows)
        first = first_since(event, where, self.now, given, customer_id=given.c.customer_id, since=given.c.since)
        found = self.session.execute(select(given.c.id, first.label("first_at")))
        return {row.id: row.first_at for row in found if row.first_at is not None}


@dataclass(frozen=True, slots=True)
class Road:
    """What all journeys of a replay share."""

    app: App
    session: Session
    version: Version
    history: History
    scope: Scope
    ticks: Ticks
    until: datetime


def travel(road: Road, entries: Sequence[Entry]) -> Turn[list[Journey]]:
    """One customer's journeys, for all their entries, from the first to the end of the replay."""
    return (yield from _Traveller(road, entries).travel())


class _Traveller:
    """One customer on the road: several journeys may be under way, and their mails keep the gap between them."""

    def __init__(self, road: Road, entries: Sequence[Entry]) -> None:
        self._road = road
        self._person = road.history.people[entries[0].candidate.customer_id]
        self.journeys = [self._journey(number, entry) for number, entry in enumerate(entries)]
        self._sent: list[datetime] = []
        """When mails went, by this replay."""

    def _journey(self, number: int, entry: Entry) -> Journey:
        place = Place(
            enrolment_id=number,
            customer_id=entry.candidate.customer_id,
            timezone=self._person.timezone,
            due_at=entry.at,
            anchor_at=entry.candidate.at,
            subject_id=entry.candidate.subject_id,
            entered_at=entry.at,
        )
        journey = Journey(entry, place)
        for lot, percent, words in lots(self._road.version):
            if journey.state == "active" and draw(lot, place.customer_id) < percent / 100:
                journey.end("held", entry.at, words)
        return journey

    def travel(self) -> Turn[list[Journey]]:
        ticks, until = self._road.ticks, self._road.until
        while True:
            next_at = [j.place.due_at for j in self.journeys if j.state == "active"]
            next_at += [m.due_at for j in self.journeys for m in j.mails if m.outcome == "open"]
            if not next_at or (now := ticks.at_or_after(min(next_at))) > until:
                return self.journeys
            due = [j for j in self.journeys if j.state == "active" and j.place.due_at <= now]
            asked = [
                j
                for j in self.journeys
                if (j.state == "active" and j.place.due_at <= now) or any(_is_due(m, now) for m in j.mails)
            ]
            answers = yield [Question(j.entry.candidate, now, again=True) for j in asked]
            for journey in due:
                self._advance(journey, answers, now)
            self._decide(answers, now)

    def _advance(self, journey: Journey, answers: Mapping[Question, Answer], now: datetime) -> None:
        version = self._road.version
        failing = answers[Question(journey.entry.candidate, now, again=True)].failing
        ending = self._ending(journey, now)
        if ending is not None:
            journey.missed_step = _next_mail(version, journey)
            journey.end(ending.state, now, ending.reason or "its goal was reached")
            return
        if journey.is_through:
            journey.end("finished", now)
            return
        if failing is not None:
            journey.missed_step = _next_mail(version, journey)
            journey.end("exited", now, f"no longer true: {failing}")
            return
        if not journey.has_begun:
            journey.has_begun = True
            journey.go(version.following[None], journey.entry.candidate.due_at)
        elif now - journey.place.due_at > LATE:
            journey.place = replace(journey.place, due_at=now, arrived_at=journey.place.since_at)
        while journey.state == "active" and self._take(journey, now):
            pass

    def _ending(self, journey: Journey, now: datetime) -> Ending | None:
        road = self._road
        if road.version.definition.goal is None and not road.version.exits:
            return None
        traveller = Traveller(0, journey.place.customer_id, journey.entry.at, journey.is_through)
        return of_rules(road.session, road.version, [traveller], road.scope, now).get(0)

    def _take(self, journey: Journey, now: datetime) -> bool:
        """One step; whether there is more to do now."""
        road, step_id = self._road, journey.step_id
        if step_id is None:
            goal = road.version.definition.goal
            if goal is None or now >= journey.entry.at + goal.within:
                journey.end("finished", now)
            else:
                journey.is_through = True
                journey.go(None, journey.entry.at + goal.within)
            return False
        if journey.visits >= MAX_VISITS:
            journey.end("exited", now, f"stopped after {MAX_VISITS} steps: the flow goes in a circle")
            return False
        node, desk = road.version.nodes[step_id], ReplayDesk(road.session, road.version, road.scope, now)
        moves = road.app.steps[node.kind].rehearse([journey.place], step_id, road.version.steps[step_id], desk)
        journey.visits += 1
        journey.taken[step_id] += 1
        for drafted in desk.drafted:
            journey.mails.append(Mail(drafted, now, now, now + road.version.policy.defer))
        after = road.version.following[step_id]
        match moves[journey.place.enrolment_id]:
            case Exit(reason=reason):
                journey.end("exited", now, reason)
                return False
            case Hold(reason=reason):
                journey.end("held", now, reason)
                return False
            case Stay(until=at):
                since = journey.place.since_at
                # What it waits for is looked for where the worker would look, and at least every hour.
                at = min(at, now + LATE)
                journey.place = replace(journey.place, due_at=max(at, now + TICK), arrived_at=since, is_back=True)
                return False
            case Jump(step_id=target, again=again):
                jumps = {**journey.place.jumps, step_id: journey.place.jumps.get(step_id, 0) + 1}
                number = journey.place.round + again
                journey.place = replace(journey.place, jumps=jumps, round=number, arrived_at=None, is_back=False)
                journey.step_id = target
            case WaitUntil(at=at) if at > now and after is not None:
                journey.go(after, at)
                return False
            case WaitUntil(at=at):
                journey.go(after, at if now - at <= LATE else now)
            case Next(branch=branch):
                inside = node.branches.get(branch or "")
                journey.go(inside[0].id if inside else after, journey.place.due_at)
        return True

    def _decide(self, answers: Mapping[Question, Answer], now: datetime) -> None:
        due = [(j, m) for j in self.journeys for m in j.mails if _is_due(m, now)]
        for journey, mail in sorted(due, key=lambda pair: pair[1].drafted_at):
            failing = answers[Question(journey.entry.candidate, now, again=True)].failing
            verdict = self._verdict(mail, failing, now)
            is_by_other = bool(verdict.facts.get("last_at")) and self._last_is_other(now)
            mail.is_held_by_other |= is_by_other
            if verdict.outcome == "defer":
                assert verdict.until is not None
                mail.due_at, mail.waited_for = verdict.until, mail.waited_for or verdict.reason
                continue
            mail.outcome, mail.reason, mail.facts, mail.decided_at = verdict.outcome, verdict.reason, verdict.facts, now
            if verdict.outcome == "go" and self._road.version.definition.mail_class != "transactional":
                self._sent.append(now)

    def _verdict(self, mail: Mail, failing: str | None, now: datetime) -> Verdict:
        version, person = self._road.version, self._person
        definition = version.definition
        consent, since = self._road.history.consent(person.id, now)
        draft = Draft(
            message_id=0,
            customer_id=person.id,
            mail_class=definition.mail_class,
            topic=definition.topic,
            priority=definition.priority,
            created_at=mail.drafted_at,
            expires_at=mail.expires_at,
        )
        today = local_date(now, zone(person.timezone))
        facts = Facts(
            email_key=person.email_key,
            suppression=self._road.history.suppression(person.email_key, now),
            consent=consent,
            consent_at=since,
            timezone=person.timezone,
            today=self._count(day_span(today, zone(person.timezone))[0], now),
            this_week=self._count(day_span(today - today.weekday() * DAY, zone(person.timezone))[0], now),
            this_month=self._count(day_span(today.replace(day=1), zone(person.timezone))[0], now),
            paused_until=person.paused_until,
            own_limit=person.most_per_week,
            own_month=person.most_per_month,
            last_capped_at=max([*self._capped()[-1:], *self._others(now)[-1:]], default=None),
            failing=failing,
        )
        return arbiter.decide(draft, facts, version.policy, now)

    def _capped(self) -> list[datetime]:
        return self._sent if self._road.version.definition.mail_class in CAPPED else []

    def _count(self, since: datetime, now: datetime) -> int:
        limited = self._road.version.policy.limited
        others = self._road.history.other_mails(self._person.id, since, now)
        mine = self._sent if self._road.version.definition.mail_class in limited else []
        return sum(m.mail_class in limited for m in others) + sum(since <= at <= now for at in mine)

    def _others(self, now: datetime) -> list[datetime]:
        mails = self._road.history.other_mails(self._person.id, now - self._road.version.policy.gap, now)
        return [mail.at for mail in mails if mail.mail_class in CAPPED]

    def _last_is_other(self, now: datetime) -> bool:
        others = self._others(now)
        return bool(others) and (not self._capped() or others[-1] > self._sent[-1])


def _is_due(mail: Mail, now: datetime) -> bool:
    return mail.outcome == "open" and mail.due_at <= now


def _next_mail(version: Version, journey: Journey) -> str | None:
    step_id = journey.step_id if journey.has_begun else version.following[None]
    for _ in range(MAX_VISITS):
        if step_id is None or version.nodes[step_id].kind == "mail":
            return step_id
        step_id = version.following[step_id]
    return None
