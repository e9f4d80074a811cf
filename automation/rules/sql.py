"""Reads a rule into a predicate over `Customer`, the same on SQLite and PostgreSQL.

What happened is asked for in sets: EXISTS over a grouped list of customers, which the database joins at once. For a
few customers (`each`) the same is looked up customer by customer along an index.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, false, literal, not_, or_, select, true, union_all

from automation.errors import RuleBroken
from automation.models import ConsentState, Customer, Suppression
from automation.rules import checks, comparing, tallies, windows
from automation.rules.fields import FIELDS, PATHS, Field, Tally
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
    leaves,
    values_in,
)
from automation.rules.moments import Moments
from automation.rules.scope import Scope
from automation.rules.windows import Span, ZoneOf
from automation.upsert import table_of

MAX_SEGMENT_DEPTH = 4
MAX_EXPANDED = 400
"""Leaves of a rule with those of the segments that it refers to, each counted once per calendar that it is read in."""
MAX_VALUES = 20_000
"""Values in such a rule: a database takes no more than 65,535 in a statement."""

Truth = ColumnElement[bool]
_customers, _states, _blocks = table_of(Customer), table_of(ConsentState), table_of(Suppression)
K = TypeVar("K", bound=Hashable)


def predicate(
    rule: Rule,
    now: datetime | Moments,
    segments: Mapping[int, Rule] | None = None,
    *,
    each: bool = False,
    entry: ColumnElement[datetime] | None = None,
) -> Truth:
    """A WHERE clause over Customer that is true for whom the rule holds at `now`, and false, never NULL, for others.

    `now` may be in the past: what happened later does not count. It may be a table of moments, to which the statement
    is then joined: the rule is read as of each row's own. `segments` holds the rules of saved segments by id;
    a rule that reads a calendar needs the whole `Scope` of the store. With `each` every customer is looked up along
    an index: better for a few, worse for all. `entry` is the instant at which each customer entered a campaign, a
    `literal_column`, so that it reaches into subqueries; with it, too, every customer is looked up. Raises RuleBroken
    for an unknown or circular segment, for a window since an entry without one, or a rule that is too large with its
    segments.
    """
    return Reader(now, segments, each=each or isinstance(now, Moments) or entry is not None, entry=entry).read(rule)


class Reader:
    """Reads the nodes of one rule, and counts how large it grows."""

    def __init__(
        self,
        now: datetime | Moments,
        segments: Mapping[int, Rule] | None,
        *,
        each: bool,
        entry: ColumnElement[datetime] | None = None,
    ) -> None:
        self._moment = now
        self.now: Any = now.at if isinstance(now, Moments) else now
        self.segments = {} if segments is None else segments
        self.each = each
        self.entry = entry
        self._path: list[int] = []
        self._leaves = 0
        self._values = 0

    def read(self, rule: Rule) -> Truth:
        """The predicate of a node and all below it."""
        match rule:
            case All():
                return and_(true(), *map(self.read, rule.all))
            case Any_():
                found = [self.read(part) for part in rule.any]
                return self._union(found) if self._is_worth_a_union(rule) else or_(false(), *found)
            case Not():
                return not_(self.read(rule.not_))
            case InSegment():
                inner = self.enter(rule)
                holds = self.read(inner)
                self.leave()
                return holds
            case _:
                return self.leaf(rule)

    def _is_worth_a_union(self, rule: Any_) -> bool:
        """Below an OR, PostgreSQL would look what happened up customer by customer; parts of a union it joins."""
        happened = sum(any(_is_history(leaf) for leaf in leaves(part)) for part in rule.any)
        return not self.each and happened > 0 and len(rule.any) > 1

    def _union(self, arms: list[Truth]) -> Truth:
        store = _customers.c.store_id == self.segments.store_id if isinstance(self.segments, Scope) else true()
        rows = [select(_customers.c.id.label("id")).where(store, arm).correlate(None) for arm in arms]
        found = union_all(*rows).subquery()
        return exists(select(literal(1)).where(found.c.id == _customers.c.id).correlate(_customers))

    def enter(self, rule: InSegment) -> Rule:
        """The rule of a segment, until `leave()`."""
        inner = self.segments.get(rule.segment)
        if inner is None:
            raise RuleBroken(f"There is no segment {rule.segment}.")
        if rule.segment in self._path or len(self._path) >= MAX_SEGMENT_DEPTH:
            raise RuleBroken("Segments refer to each other too deeply, or in a circle.")
        self._path.append(rule.segment)
        return inner

    def leave(self) -> None:
        """Back from the segment that was entered last."""
        self._path.pop()

    def leaf(self, rule: Rule) -> Truth:
        """The predicate of a node without parts."""
        match rule:
            case Compare():
                return self._compare(rule)
            case Happened():
                return self._happened(rule)
            case Bought():
                return self._happened(rule.as_event())
            case Agreed():
                return self._agreed(rule)
            case Suppressed():
                return self._suppressed(rule)
        raise TypeError(f"{rule!r} has parts")

    def _grow(self, rule: Rule) -> None:
        if isinstance(self._moment, Moments):
            return  # each day that is asked about adds to it, and it is asked of a few
        self._leaves += 1
        self._values += values_in(rule)
        if self._leaves > MAX_EXPANDED or self._values > MAX_VALUES:
            raise RuleBroken("The rule is too large, with the segments that it refers to and the calendars it reads.")

    def calendars(self, asked: ZoneOf | None, key: Callable[[datetime, ZoneInfo], K]) -> list[tuple[Truth | None, K]]:
        """Each `key` that the calendars asked for have, with the customers who live by it; None is all (the others)."""
        if isinstance(self._moment, Moments):
            return self._moment.calendars(asked, key)
        now = self._moment
        if asked is None:
            return [(None, key(now, ZoneInfo("UTC")))]
        scope = self.segments
        if not isinstance(scope, Scope):
            raise RuleBroken("This rule reads a calendar: it needs the store's time zone.")
        own = key(now, windows.zone(scope.timezone))
        others: dict[K, list[str]] = {}
        for name in sorted(scope.zones) if asked == "customer" else ():
            found = key(now, windows.zone(name))
            if found != own:
                others.setdefault(found, []).append(name)
        known = _customers.c.timezone.is_not(None)
        return [
            *((and_(known, _customers.c.timezone.in_(names)), found) for found, names in others.items()),
            (None, own),
        ]

    def _by_calendar(
        self, rule: Rule, asked: ZoneOf | None, key: Callable[[datetime, ZoneInfo], K], build: Callable[[K], Truth]
    ) -> Truth:
        """One predicate for each key, for the customers who live by it."""
        arms, elsewhere = [], []
        for who, found in self.calendars(asked, key):
            self._grow(rule)
            if who is not None:
                elsewhere.append(who)
                arms.append(and_(who, build(found)))
            elif elsewhere:
                arms.append(and_(not_(or_(*elsewhere)), build(found)))
            else:
                return build(found)
        return or_(*arms)

    def spans(self, rule: Happened) -> list[tuple[Truth | None, tuple[Span, Span | None]]]:
        """By calendar: the window of a figure, and the span that a first or last has to lie in."""
        return self.calendars(*self._windows_of(rule))

    def _windows_of(
        self, rule: Happened
    ) -> tuple[ZoneOf | None, Callable[[datetime, ZoneInfo], tuple[Span, Span | None]]]:
        inner = windows.read(rule.value) if rule.is_ == "within" else None
        asked = {windows.zone_of(rule.within), windows.zone_of(inner)}

        def spans(now: datetime, where: ZoneInfo) -> tuple[Span, Span | None]:
            # Where one window is the store's and the other the customer's, each keeps its own.
            of_store = windows.zone(self.segments.timezone) if isinstance(self.segments, Scope) else where
            outer_zone = of_store if windows.zone_of(rule.within) == "store" else where
            inner_zone = of_store if windows.zone_of(inner) == "store" else where
            is_date = rule.do in ("first", "last")
            value = comparing.span_of(rule.is_, rule.value, now, inner_zone) if is_date else None
            return windows.span(rule.within, now, outer_zone, self.entry), value

        return ("customer" if "customer" in asked else "store" if "store" in asked else None), spans

    def _compare(self, rule: Compare) -> Truth:
        kind = checks.type_of(rule.field)
        if rule.field not in FIELDS:
            return self._document(rule)
        field = FIELDS[rule.field]
        if field.tally and field.tally.do in ("count", "sum") and rule.is_ in ("is_known", "is_unknown"):
            return true() if rule.is_ == "is_known" else false()
        if field.tally:
            return self._happened(as_event(rule, field.tally))
        if kind == "instant":
            asked = windows.zone_of(windows.read(rule.value)) if rule.is_ == "within" else None
            return self._by_calendar(
                rule,
                asked,
                lambda now, where: comparing.span_of(rule.is_, rule.value, now, where),
                lambda span: self._standing(field, rule.is_, lambda c: comparing.instant(c, rule.is_, span)),
            )
        if kind == "annual" and checks.asks_the_day(rule.field, rule.is_):
            return self._by_calendar(
                rule,
                rule.zone or "customer",
                windows.local_date,
                lambda on: self._standing(field, rule.is_, lambda c: comparing.annual(c, rule.is_, rule.value, on)),
            )
        self._grow(rule)
        return self._standing(field, rule.is_, lambda c: comparing.compared(c, kind, rule.is_, rule.value))

    @staticmethod
    def _standing(field: Field, operator: str, build: Callable[[Any], Truth]) -> Truth:
        if field.beside is None:
            assert field.sql is not None
            return build(field.sql())
        row = select(literal(1)).where(field.beside.customer_id == _customers.c.id).correlate(_customers)
        if operator == "is_unknown":
            # An empty text is not known either.
            return not_(exists(row.where(not_(build(field.beside.column)))))
        return exists(row.where(build(field.beside.column)))

    def _document(self, rule: Compare) -> Truth:
        found = checks.document(rule.field)
        assert found is not None
        head, keys = found
        column = PATHS[head][1]()
        if not checks.asks_the_day(rule.field, rule.is_):
            self._grow(rule)
            return comparing.document(column, keys, rule.is_, rule.value)
        return self._by_calendar(
            rule,
            rule.zone or "customer",
            windows.local_date,
            lambda on: comparing.document_day(column, keys, rule.is_, rule.value, on),
        )

    def _happened(self, rule: Happened) -> Truth:
        store = self.segments.store_id if isinstance(self.segments, Scope) else None
        return self._by_calendar(
            rule,
            *self._windows_of(rule),
            lambda found: tallies.holds(rule, self.now, *found, each=self.each, store_id=store),
        )

    def _agreed(self, rule: Agreed) -> Truth:
        def state(span: Span) -> Truth:
            row = select(literal(1)).where(
                _states.c.customer_id == _customers.c.id,
                _states.c.topic == rule.consent,
                _states.c.at <= self.now,
            )
            if rule.is_ == "not_asked":
                return not_(exists(row.correlate(_customers)))
            said = row.where(_states.c.status == rule.is_, comparing.in_span(_states.c.at, span))
            return exists(said.correlate(_customers))

        return self._by_calendar(
            rule,
            windows.zone_of(rule.within),
            lambda now, where: windows.span(rule.within, now, where, self.entry),
            state,
        )

    def _suppressed(self, rule: Suppressed) -> Truth:
        self._grow(rule)
        row = suppression_of().where(_blocks.c.at <= self.now)
        if isinstance(rule.suppressed, list):
            return exists(row.where(_blocks.c.reason.in_(rule.suppressed)))
        return exists(row) if rule.suppressed else not_(exists(row))


def suppression_of() -> Any:
    """The row that keeps the customer's address from being mailed."""
    return (
        select(literal(1))
        .select_from(_blocks)
        .where(_blocks.c.store_id == _customers.c.store_id, _blocks.c.email_key == _customers.c.email_key)
        .correlate(_customers)
    )


def _is_history(leaf: Rule) -> bool:
    if isinstance(leaf, Compare):
        return leaf.field in FIELDS and FIELDS[leaf.field].tally is not None
    return isinstance(leaf, Happened | Bought | InSegment)


def as_event(rule: Compare, tally: Tally) -> Happened:
    """A comparison with a figure over events, said as one."""
    said = {"event": tally.event, "do": tally.do, "property": tally.property}
    if tally.do in ("count", "sum") and rule.is_ in ("is_known", "is_unknown"):
        return Happened.model_validate({**said, "is": "at_least", "value": 0})
    return Happened.model_validate({**said, "is": rule.is_, "value": rule.value})
