"""A figure over what happened, as SQL: how often, how much, when first and last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, and_, cast, exists, func, literal, not_, select

from automation.models import Customer
from automation.rules import checks, comparing
from automation.rules.dialects import at_path, json_number, unindexed
from automation.rules.families import Family, family
from automation.rules.language import Filter, Happened
from automation.rules.windows import Span
from automation.upsert import table_of

Truth = ColumnElement[bool]
_customers = table_of(Customer)


def holds(
    rule: Happened, now: datetime, within: Span, value: Span | None, *, each: bool, store_id: int | None
) -> Truth:
    """The predicate of a figure. `within` is its window, `value` the span that a first or last has to lie in.

    Without `each` the customers for whom it holds are found as a set, by `store_id` where it is known.
    """
    found = family(rule.event)
    rows = rows_of(found, rule.where, now, within, each=each)
    if value is not None:
        return _first_or_last(rule, partial(_any, found, each=each, store_id=store_id), rows, value, found.at)
    if rule.do != "count":
        return _grouped(rule, found, rows, each=each, store_id=store_id)
    return _counted(rule, found, rows, each=each, store_id=store_id)


def _counted(rule: Happened, found: Family, rows: Select[Any], *, each: bool, store_id: int | None) -> Truth:
    never, once = (comparing.number_holds(n, rule.is_, rule.value) for n in (0, 1))
    # "At least once" and "never" need no counting.
    if rule.is_ in ("at_least", "more_than") and once and not never:
        return _any(found, rows, each=each, store_id=store_id)
    if rule.is_ in ("at_most", "less_than") and never and not once:
        return not_(_any(found, rows, each=each, store_id=store_id))
    if rule.is_ == "is" and rule.value == 0:
        return not_(_any(found, rows, each=each, store_id=store_id))
    if rule.is_ == "is_not" and rule.value == 0:
        return _any(found, rows, each=each, store_id=store_id)
    return _grouped(rule, found, rows, each=each, store_id=store_id)


def _grouped(rule: Happened, found: Family, rows: Select[Any], *, each: bool, store_id: int | None) -> Truth:
    """Who has none of it is in no group: where nothing at all fits the comparison, look for those it does not fit."""
    figure = amount(rule, found)
    known = figure.is_not(None)
    if rule.is_ in ("is_known", "is_unknown"):
        anything = _in_group(found, rows.having(known), each=each, store_id=store_id)
        return anything if rule.is_ == "is_known" else not_(anything)
    wanted = and_(known, comparing.number(figure, rule.is_, rule.value))
    of_nothing = rule.do in ("count", "sum") and comparing.number_holds(0, rule.is_, rule.value)
    if of_nothing:
        return not_(_in_group(found, rows.having(not_(wanted)), each=each, store_id=store_id))
    return _in_group(found, rows.having(wanted), each=each, store_id=store_id)


def _in_group(found: Family, rows: Select[Any], *, each: bool, store_id: int | None) -> Truth:
    rows = rows.group_by(found.customer_id)
    if each:
        return exists(rows.where(found.customer_id == _customers.c.id).correlate(_customers))
    if store_id is not None:
        rows = rows.where(found.store_id == store_id)
    groups = rows.where(found.customer_id.is_not(None)).subquery()
    return exists(select(literal(1)).where(groups.c.customer_id == _customers.c.id).correlate(_customers))


def _any(found: Family, rows: Select[Any], *, each: bool, store_id: int | None) -> Truth:
    if found.kind is not None and not each:
        # SQLite would walk a join again for every customer; what is grouped it makes once.
        return _in_group(found, rows, each=each, store_id=store_id)
    return exists(rows.where(found.customer_id == _customers.c.id).correlate(_customers))


def _first_or_last(
    rule: Happened, some: Callable[[Select[Any]], Truth], rows: Select[Any], span: Span, at: Any
) -> Truth:
    """By what there is in the span and what there is beyond it: no list has to be sorted or grouped."""
    if rule.is_ == "is_unknown":
        return not_(some(rows))
    inside = some(rows.where(comparing.in_span(at, span)))
    beyond: list[Truth] = []
    if rule.do == "last" and span.until is not None:
        beyond = [some(rows.where(at >= span.until))]
    if rule.do == "first" and span.since is not None:
        beyond = [some(rows.where(at < span.since))]
    if rule.is_ == "not_in_last_days":
        return and_(some(rows), not_(and_(inside, *map(not_, beyond))))
    return and_(inside, *map(not_, beyond))


def rows_of(found: Family, filters: Sequence[Filter], now: datetime, within: Span, *, each: bool) -> Select[Any]:
    """The customers of a family's rows, one for each that happened by `now` in a window and passes every filter."""
    kind = []
    if found.kind is not None:
        column, value = found.kind
        kind = [(unindexed(column) if each else column) == value]
    return (
        select(found.customer_id.label("customer_id"))
        .select_from(found.source())
        .where(
            *kind,
            *found.where(now),
            found.at <= now,
            comparing.in_span(found.at, within),
            *(_filtered(found, part) for part in filters),
        )
    )


def _filtered(found: Family, part: Filter) -> Truth:
    known = found.properties.get(part.property)
    if known is None:
        return comparing.document(found.json, _keys(found, part.property), part.is_, part.value)
    if known.type != "lines":
        return comparing.compared(known.sql(), known.type, part.is_, part.value)
    assert found.lines is not None
    values = part.value if isinstance(part.value, list) else [part.value]
    line = exists(
        select(literal(1))
        .select_from(found.lines.source())
        .where(found.lines.belongs(), comparing.line(known.sql(), part.property, values))
        .correlate(found.source())
    )
    return line if part.is_ in ("is", "in") else not_(line)


def _keys(found: Family, path: str) -> tuple[str, ...]:
    keys = checks.keys_of(path.removeprefix(found.json_prefix))
    assert keys is not None
    return keys


def amount(rule: Happened, found: Family) -> Any:
    """The figure itself, over a group of events. A sum of nothing is 0, all else of nothing is NULL."""
    if rule.do == "count":
        return found.count()
    if rule.do in ("first", "last"):
        return func.min(found.at) if rule.do == "first" else func.max(found.at)
    assert rule.property is not None
    known = found.properties.get(rule.property)
    of = known.sql() if known else json_number(*at_path(found.json, _keys(found, rule.property)))
    match rule.do:
        case "sum":
            return func.coalesce(func.sum(of), 0)
        case "average":
            return cast(func.avg(of), Float)
        case "min":
            return func.min(of)
        case _:
            return func.max(of)


def seen(rule: Happened, now: datetime, within: Span) -> dict[str, Any]:
    """For showing: the figure of one customer, and when it happened last."""
    found = family(rule.event)
    rows = (
        rows_of(found, rule.where, now, within, each=True)
        .where(found.customer_id == _customers.c.id)
        .correlate(_customers)
    )
    value = rows.with_only_columns(amount(rule, found)).scalar_subquery()
    if rule.do in ("first", "last"):
        return {"value": value}
    return {"value": value, "last_at": rows.with_only_columns(func.max(found.at)).scalar_subquery()}
