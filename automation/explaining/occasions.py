"""Each thing of a customer's that could have led into a campaign, with everything that is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from automation.backtest.candidates import Candidate, find, source_of
from automation.explaining.answer import Check, Occasion
from automation.models import Customer, Enrolment
from automation.reasons import day_and_time
from automation.rules.explain import explain
from automation.rules.moments import Moment, Moments
from automation.rules.scope import Scope
from automation.trigger import Occurrences
from automation.versions import Version

LOOK_BACK = timedelta(days=90)
MOST = 12
"""Occasions that are told of, the newest; older ones are left out."""


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at one customer's occasions as of one moment."""

    session: Session
    version: Version
    customer: Customer
    scope: Scope
    at: datetime
    enrolments: Sequence[Enrolment]
    timezone: str

    def due(self) -> list[Occasion]:
        """What a sweep at the moment would look at: by the very statement that it uses, the newest first."""
        found = self.version.occurrences(self.at)
        rows = self.session.execute(self._asked(found).where(found.within)).all()
        return sorted((self._occasion(found, row, self.at, is_due=True) for row in rows), key=_newest)

    def past(self, known: Sequence[Occasion]) -> list[Occasion]:
        """What fell due earlier, as of when it did; the newest first."""
        seen = {(o.key, o.happened_at) for o in known}
        occasions = []
        for candidate in self._candidates()[: MOST * 2]:
            occasion = self._as_of_then(candidate)
            if occasion is not None and (occasion.key, occasion.happened_at) not in seen:
                occasions.append(occasion)
        return occasions[:MOST]

    def nothing(self, due: Sequence[Occasion], past: Sequence[Occasion]) -> str:
        """Which part is missing where nothing is due, in a sentence."""
        if due:
            return ""
        said = f"{self.version.trigger.nothing} in time: something has to fall due {self._when()}"
        ahead = [c for c in self._ahead() if c.due_at > self.at]
        if ahead:
            soon = min(ahead, key=lambda c: c.due_at)
            said += (
                f"; the next falls due {self._time(soon.due_at)} (it happened {self._time(soon.at)})"
                if soon.at <= self.at
                else f"; the next falls due {self._time(soon.due_at)}"
            )
        if past:
            said += (
                f"; the last one happened {self._time(past[0].happened_at)} and fell due {self._time(past[0].due_at)}"
            )
            live_since = self.version.live_since
            if live_since is not None and past[0].due_at < live_since:
                said += f", before the campaign went live ({self._time(live_since)})"
            swept_at = self.version.swept_at
            if self.version.trigger.mailable_only and swept_at is not None and past[0].due_at <= swept_at <= self.at:
                said += f"; it went out to everybody it was for by {self._time(swept_at)}"
        elif not ahead:
            said += f"; nor did it in the {LOOK_BACK.days} days before"
        return f"{said[0].upper()}{said[1:]}."

    def _candidates(self) -> list[Candidate]:
        return sorted(self._find(self.at - LOOK_BACK, self.at), key=lambda c: c.due_at, reverse=True)

    def _ahead(self) -> list[Candidate]:
        if self.version.trigger.mailable_only:
            return []
        return self._find(self.at, self.at + LOOK_BACK)

    def _find(self, since: datetime, until: datetime) -> list[Candidate]:
        window = replace(self.version.window(until), since=since, is_replay=True)
        if self.version.trigger.is_local:
            # Only their own zone matters.
            window = replace(window, zones=(self.customer.timezone or "",))
        return find(self.session, self.version, window, self.customer.id)

    def _as_of_then(self, candidate: Candidate) -> Occasion | None:
        at = min(candidate.due_at, self.at)
        moments = Moments([self._moment(candidate, at)], self.version.timezone)
        window = replace(candidate.window, as_of=Moments.at, customer_id=Moments.customer_id)
        found = self.version.trigger.occurrences(self.version.settings, window)
        meets = (found.subject_id == Moments.subject_id) & (found.customer_id == Moments.customer_id)
        statement = self._asked(found, source_of(found).join(moments.table(), meets)).where(found.within)
        for row in self.session.execute(statement):
            if row.due_at + (found.delay if found.due_at is None else timedelta()) == candidate.due_at:
                return self._occasion(found, row, at, is_due=False)
        return None

    def _moment(self, candidate: Candidate, at: datetime) -> Moment:
        return Moment(candidate.customer_id, at, candidate.timezone, candidate.subject_id, candidate.at)

    def _asked(self, found: Occurrences, source: Any = None) -> Select[Any]:
        conditions = _conditions(found)
        due_at: Any = found.at if found.due_at is None else found.due_at
        columns = [condition.label(f"condition_{i}") for i, condition in enumerate(conditions.values())]
        return (
            select(found.key.label("key"), found.at.label("at"), due_at.label("due_at"), *columns)
            .select_from(source_of(found) if source is None else source)
            .where(
                found.store_id == self.version.store_id,
                found.customer_id == self.customer.id,
                Customer.id == self.customer.id,
                Customer.erased_at.is_(None),
            )
        )

    def _occasion(self, found: Occurrences, row: Any, at: datetime, *, is_due: bool) -> Occasion:
        checks = [Check(bool(row[3 + i]), name) for i, name in enumerate(_conditions(found))]
        audience = None
        if self.version.definition.audience is not None:
            audience = explain(self.session, self.version.audience, self.customer.id, at, self.scope)
        entered = any(e.key == row.key for e in self.enrolments)
        holds = all(check.holds for check in checks) and (audience is None or audience.holds)
        later = found.delay if found.due_at is None else timedelta()
        return Occasion(
            key=row.key,
            happened_at=row.at,
            due_at=row.due_at + later,
            is_due=is_due,
            asked_at=at,
            checks=tuple(checks),
            audience=audience,
            entered=entered,
            may_enter=is_due and holds and not entered,
        )

    def _when(self) -> str:
        live_since = self.version.live_since
        catch_up = self.version.policy.catch_up
        if live_since is not None and live_since > self.at - catch_up:
            return f"after the campaign went live {self._time(live_since)}"
        return f"within the last {catch_up / timedelta(hours=1):.0f} hours"

    def _time(self, at: datetime) -> str:
        return day_and_time(at, self.timezone)


def _conditions(found: Occurrences) -> Mapping[str, Any]:
    return {**found.conditions, **found.entry}


def _newest(occasion: Occasion) -> float:
    return -occasion.happened_at.timestamp()
