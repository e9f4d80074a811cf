"""Says node by node why a rule holds for a customer or does not, with the values seen.

Every node's truth is the predicate that segments and audiences are read by, selected as a column; only "and", "or"
and "not" are put together here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, case, literal, select
from sqlalchemy.orm import Session

from automation.models import ConsentState, Customer, Suppression
from automation.models.record import UTCDateTime
from automation.rules import checks, tallies
from automation.rules.dialects import seen_json
from automation.rules.english import sentence
from automation.rules.fields import FIELDS, PATHS
from automation.rules.language import (
    Agreed,
    All,
    Any_,
    Bought,
    Compare,
    Happened,
    InSegment,
    Not,
    Rule,
    Suppressed,
    parts,
)
from automation.rules.scope import Scope
from automation.rules.sql import Reader, as_event, suppression_of
from automation.upsert import table_of

_customers, _states, _blocks = table_of(Customer), table_of(ConsentState), table_of(Suppression)


@dataclass(frozen=True, slots=True)
class Reason:
    """One node: what it says, whether it holds, and what was seen."""

    sentence: str
    holds: bool
    seen: dict[str, Any] = field(default_factory=dict)
    """"value" of a field or a figure, "last_at" of what happened, "status" and "at" of consent, "reason" and "at" of
    a suppression. What is not known is None; a node with parts has seen nothing itself."""
    parts: tuple[Reason, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the API and the command line: instants as ISO texts."""
        seen = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in self.seen.items()}
        return {
            "sentence": self.sentence,
            "holds": self.holds,
            "seen": seen,
            "parts": [part.as_json() for part in self.parts],
        }


def explain(
    session: Session,
    rule: Rule,
    customer_id: int,
    now: datetime,
    segments: Mapping[int, Rule] | None = None,
    *,
    entered_at: datetime | None = None,
) -> Reason:
    """Why the rule holds for a customer at `now`, or does not: one statement, two where it reads customers' calendars.

    `entered_at` is when they entered a campaign, for a rule that counts from there.

    Raises LookupError for a customer who does not exist, RuleBroken as `predicate()` does.
    """
    question = Question(rule, now, segments, entered_at=entered_at)
    row = session.execute(select(*question.columns).where(_customers.c.id == customer_id)).one_or_none()
    if row is None:
        raise LookupError(f"There is no customer {customer_id}.")
    return question.answer(row)


class Question:
    """The columns to select of one customer, and how to read the answer.

    Several questions may share a statement, each with its own `prefix` for the names of its columns.
    """

    def __init__(
        self,
        rule: Rule,
        now: datetime,
        segments: Mapping[int, Rule] | None = None,
        *,
        prefix: str = "why",
        entered_at: datetime | None = None,
    ) -> None:
        self.columns: list[ColumnElement[Any]] = []
        """The first is always there, so that a rule without comparisons can be asked as well."""
        self._rule = rule
        self._prefix = prefix
        self._now = now
        self._names = segments.names if isinstance(segments, Scope) else {}
        entry = None if entered_at is None else literal(entered_at, UTCDateTime())
        self._reader = Reader(now, segments, each=True, entry=entry)
        self._keys: list[list[str]] = []
        self._add(literal(1))
        self._inner: list[Rule] = []
        self._ask(rule)

    def answer(self, values: Sequence[Any]) -> Reason:
        """The tree, from the values of `columns` in their order."""
        found = iter(values)
        next(found)
        keys, inner = iter(self._keys), iter(self._inner)

        def tell(rule: Rule) -> Reason:
            words = sentence(rule, self._names)
            if isinstance(rule, All | Any_ | Not):
                below = tuple(map(tell, parts(rule)))
                return Reason(words, _together(rule, below), parts=below)
            if isinstance(rule, InSegment):
                part = tell(next(inner))
                return Reason(words, part.holds, parts=(part,))
            holds = bool(next(found))
            return Reason(words, holds, {key: _plain(rule, next(found)) for key in next(keys)})

        return tell(self._rule)

    def _add(self, column: ColumnElement[Any]) -> None:
        # One label for each: two equal columns would otherwise become one.
        self.columns.append(column.label(f"{self._prefix}_{len(self.columns)}"))

    def _ask(self, rule: Rule) -> None:
        if isinstance(rule, All | Any_ | Not):
            for part in parts(rule):
                self._ask(part)
        elif isinstance(rule, InSegment):
            inner = self._reader.enter(rule)
            self._inner.append(inner)
            self._ask(inner)
            self._reader.leave()
        else:
            seen = _seen(self._reader, rule, self._now)
            self._add(self._reader.leaf(rule))
            self._keys.append(list(seen))
            for column in seen.values():
                self._add(column)


def _together(rule: Rule, below: Sequence[Reason]) -> bool:
    match rule:
        case All():
            return all(part.holds for part in below)
        case Any_():
            return any(part.holds for part in below)
        case _:
            return not below[0].holds


def _seen(reader: Reader, rule: Rule, now: datetime) -> dict[str, ColumnElement[Any]]:
    match rule:
        case Compare():
            return _seen_field(reader, rule, now)
        case Happened():
            return _seen_events(reader, rule, now)
        case Bought():
            return _seen_events(reader, rule.as_event(), now)
        case Agreed():
            row = (_states.c.customer_id == _customers.c.id, _states.c.topic == rule.consent, _states.c.at <= now)
            return {
                "status": select(_states.c.status).where(*row).correlate(_customers).scalar_subquery(),
                "at": select(_states.c.at).where(*row).correlate(_customers).scalar_subquery(),
            }
        case Suppressed():
            blocked = suppression_of().where(_blocks.c.at <= now)
            return {
                "reason": blocked.with_only_columns(_blocks.c.reason).scalar_subquery(),
                "at": blocked.with_only_columns(_blocks.c.at).scalar_subquery(),
            }
    raise TypeError(f"{rule!r} has parts")


def _seen_events(reader: Reader, rule: Happened, now: datetime) -> dict[str, ColumnElement[Any]]:
    *others, (_, (own, _)) = reader.spans(rule)
    found = tallies.seen(rule, now, own)
    for who, (span, _) in others:
        assert who is not None
        here = tallies.seen(rule, now, span)
        found = {key: case((who, here[key]), else_=column) for key, column in found.items()}
    return found


def _seen_field(reader: Reader, rule: Compare, now: datetime) -> dict[str, ColumnElement[Any]]:
    known = FIELDS.get(rule.field)
    if known is None:
        found = checks.document(rule.field)
        assert found is not None
        return {"value": seen_json(PATHS[found[0]][1](), found[1])}
    if known.tally:
        return _seen_events(reader, as_event(rule, known.tally), now)
    if known.beside:
        row = select(known.beside.column).where(known.beside.customer_id == _customers.c.id).correlate(_customers)
        return {"value": row.scalar_subquery()}
    assert known.sql is not None
    return {"value": known.sql()}


def _plain(rule: Rule, value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(rule, Compare) and checks.type_of(rule.field) == "annual" and value is not None:
        return f"{value // 100:02}-{value % 100:02}"
    return value
