"""Asks what held at many moments at once: a few statements for thousands of questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, select
from sqlalchemy.orm import Session

from automation.backtest.candidates import Candidate, source_of
from automation.rules.moments import Moment, Moments
from automation.rules.scope import Scope
from automation.rules.sql import predicate
from automation.trigger import Occurrences, Window
from automation.versions import GONE, Version

AUDIENCE = "they are in the audience"
CHUNK = 4000
"""Questions in one statement."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a candidate might enter at a moment, or, `again`, whether it still holds for who entered for it."""

    candidate: Candidate
    at: datetime
    again: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What failed first, in words; None where everything held."""

    failing: str | None
    key: str = ""


class Asker:
    """Answers questions about one version, and remembers the answers."""

    def __init__(self, session: Session, version: Version, scope: Scope) -> None:
        self._session = session
        self._version = version
        self._scope = scope
        self._known: dict[Question, Answer] = {}
        self.statements = 0

    def __call__(self, questions: Iterable[Question]) -> Mapping[Question, Answer]:
        """The answers so far, those to these questions among them."""
        by_window: dict[tuple[datetime, datetime] | None, list[Question]] = defaultdict(list)
        for question in dict.fromkeys(questions):
            if question not in self._known:
                # Who has entered is asked about by the subject alone, whatever window it was found in.
                window = question.candidate.window
                by_window[None if question.again else (window.since, window.until)].append(question)
        for place, asked in by_window.items():
            for start in range(0, len(asked), CHUNK):
                part = asked[start : start + CHUNK]
                self._known |= self._still(part) if place is None else self._entering(part)
                self.statements += 1
        return self._known

    def _entering(self, asked: Sequence[Question]) -> dict[Question, Answer]:
        moments = self._moments(asked)
        found = self._occurrences(asked[0].candidate.window, anchor=None)
        conditions = {**found.conditions, **found.entry}
        if self._version.definition.audience is not None:
            conditions[AUDIENCE] = predicate(self._version.audience, moments, self._scope)
        due_at: Any = found.at if found.due_at is None else found.due_at
        # The subject's own key finds it. Said again, the window would have the database walk through all of it. Of what
        # comes round for everybody, a week's newsletter, only the one that is asked about is answered.
        within = [found.within] if self._version.trigger.replay_span is not None else []
        statement = (
            select(Moments.number, due_at.label("due_at"), found.key, _first_failing(list(conditions.values())))
            .select_from(source_of(found).join(moments.table(), _meets(found)))
            .where(found.at == Moments.anchor_at, *within)
        )
        names = list(conditions)
        answers = dict.fromkeys(asked, Answer(GONE))
        for number, due, key, place in self._session.execute(statement):
            question = asked[number]
            if due == (question.candidate.due_at if found.due_at is not None else question.candidate.at):
                answers[question] = Answer(None if place is None else names[place], key)
        return answers

    def _still(self, asked: Sequence[Question]) -> dict[Question, Answer]:
        moments = self._moments(asked)
        found = self._occurrences(asked[0].candidate.window, anchor=Moments.anchor_at)
        if not found.conditions:
            return dict.fromkeys(asked, Answer(None))
        statement = select(Moments.number, _first_failing(list(found.conditions.values()))).select_from(
            found.source.join(moments.table(), (found.subject_id == Moments.subject_id) & found.stood)
        )
        names = list(found.conditions)
        answers = dict.fromkeys(asked, Answer(GONE))
        for number, place in self._session.execute(statement):
            answers[asked[number]] = Answer(None if place is None else names[place])
        return answers

    def _occurrences(self, window: Window, anchor: ColumnElement[datetime] | None) -> Occurrences:
        window = replace(window, as_of=Moments.at, customer_id=Moments.customer_id)
        return self._version.trigger.occurrences(self._version.settings, window, anchor)

    def _moments(self, asked: Sequence[Question]) -> Moments:
        rows = [
            Moment(q.candidate.customer_id, q.at, q.candidate.timezone, q.candidate.subject_id, q.candidate.at)
            for q in asked
        ]
        return Moments(rows, self._version.timezone)


def _meets(found: Occurrences) -> ColumnElement[bool]:
    return and_(found.subject_id == Moments.subject_id, found.customer_id == Moments.customer_id)


def _first_failing(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[int | None]:
    """The place of the first condition that is not true; what comes after it is not looked at."""
    found: Any = literal(None)
    for place, condition in reversed(list(enumerate(conditions))):
        found = case((condition, found), else_=literal(place))
    column: ColumnElement[int | None] = found.label("failing")
    return column
