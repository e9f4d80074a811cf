"""Reads a rule into a sentence that a merchant understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from automation import money
from automation.rules import checks, windows
from automation.rules.families import Family, family
from automation.rules.fields import FIELDS, PATHS
from automation.rules.language import (
    Agreed,
    All,
    Any_,
    Bought,
    Compare,
    Filter,
    Happened,
    InSegment,
    Not,
    Rule,
    Suppressed,
)
from automation.rules.operators import OPERATORS
from automation.rules.windows import Between, Calendar, LastDays, Since, SinceEntry

_COUNTED = {
    "at_least": "at least ",
    "at_most": "at most ",
    "more_than": "more than ",
    "less_than": "fewer than ",
    "is": "exactly ",
    "is_not": "not exactly ",
}
_CONSENT = {
    "granted": "agreed to",
    "withdrawn": "withdrew their consent to",
    "pending": "have yet to confirm their consent to",
    "not_asked": "never answered about",
}
_BOUGHT = {
    "product": "the product",
    "variant": "the variant",
    "sku": "the article",
    "category": "something of the category",
    "tag": "something tagged",
    "vendor": "something by",
}
_FIGURE = {"sum": "the sum of the", "average": "the average", "min": "the smallest", "max": "the largest"}
_REASON = {
    "hard_bounce": "it does not exist",
    "soft_bounces": "it bounced too often",
    "complaint": "of a complaint",
    "provider": "the provider refuses it",
    "manual": "somebody blocked it",
    "erased": "it was erased",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What ids and amounts are called in a sentence."""

    segments: Mapping[int, str] = field(default_factory=dict)
    campaigns: Mapping[str, str] = field(default_factory=dict)
    """By public id."""
    currency: str | None = None
    """Without it amounts are said in minor units."""


def sentence(
    rule: Rule,
    segments: Mapping[int, str] | None = None,
    *,
    campaigns: Mapping[str, str] | None = None,
    currency: str | None = None,
) -> str:
    """What the rule says, in words.

    `segments` holds the names of saved segments by id, `campaigns` those of campaigns by public id; with the store's
    `currency` amounts are written as a person writes them.
    """
    return _said(rule, Names(segments or {}, campaigns or {}, currency))


def _said(rule: Rule, names: Names) -> str:
    match rule:
        case All(all=[]):
            return "everybody"
        case Any_(any=[]):
            return "nobody"
        case All():
            return _joined(rule.all, "and", names)
        case Any_():
            return _joined(rule.any, "or", names)
        case Not():
            return _not(rule.not_, names)
        case InSegment():
            return f"they are in the segment {_segment(rule, names)}"
        case Compare():
            return _compared(rule, names)
        case Happened():
            return _happened(rule, names)
        case Bought():
            return f"they bought {_bought(rule)}{_when(rule.within)}"
        case Agreed():
            return f"they {_CONSENT[rule.is_]} “{rule.consent}”{_when(rule.within)}"
        case Suppressed():
            return _suppressed(rule)


def _not(rule: Rule, names: Names) -> str:
    match rule:
        case InSegment():
            return f"they are not in the segment {_segment(rule, names)}"
        case Bought():
            return f"they did not buy {_bought(rule)}{_when(rule.within)}"
        case Happened(do="count", is_="at_least", value=1):
            return _happened(rule.model_copy(update={"is_": "is", "value": 0}), names)
        case Suppressed(suppressed=bool(blocked)):
            return _suppressed(Suppressed(suppressed=not blocked))
        case _:
            return f"not ({_said(rule, names)})"


def _segment(rule: InSegment, names: Names) -> str:
    return f"“{names.segments.get(rule.segment, f'no. {rule.segment}')}”"


def _joined(rules: list[Rule], word: str, names: Names) -> str:
    texts = []
    for rule in rules:
        text = _said(rule, names)
        nested = isinstance(rule, All | Any_) and len(rule.all if isinstance(rule, All) else rule.any) > 1
        texts.append(f"({text})" if nested else text)
    return f" {word} ".join(texts)


def _suppressed(rule: Suppressed) -> str:
    if isinstance(rule.suppressed, bool):
        return f"their address {'must not' if rule.suppressed else 'may'} be mailed"
    return f"their address must not be mailed, because {' or '.join(_REASON[r] for r in rule.suppressed)}"


def _bought(rule: Bought) -> str:
    by, values = next(iter(rule.bought.items()))
    return f"{_BOUGHT[by]} {_listed(values)}"


def _compared(rule: Compare, names: Names) -> str:
    kind = checks.type_of(rule.field)
    if rule.field in FIELDS:
        subject, is_money = FIELDS[rule.field].words, FIELDS[rule.field].is_money
    else:
        head, _, rest = rule.field.partition(".")
        subject, is_money = f"{PATHS[head][0]} “{rest}”", False
    whose = " (by the store’s calendar)" if rule.zone == "store" else ""
    return f"{subject} {_operation(kind, rule.is_, rule.value, names, is_money=is_money)}{whose}"


def _operation(kind: str, operator: str, value: Any, names: Names, *, is_money: bool = False) -> str:
    words = OPERATORS[kind][operator]
    if value is None:
        return words
    if operator == "within":
        return f"{words}{_when(windows.read(value))}"
    if operator == "over_days_ago":
        return f"{words} {_days(value)} ago"
    if operator.endswith("_days"):
        return f"{words} {_days(value)}"
    return f"{words} {_value(kind, operator, value, names, is_money=is_money)}"


def _value(kind: str, operator: str, value: Any, names: Names, *, is_money: bool) -> str:
    if isinstance(value, list):
        return _listed(value) if kind == "lines" else ", ".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        is_date = kind == "instant" or operator in ("before", "after")
        return _moment(value) if is_date else f"“{value}”"
    return _number(value, names, is_money=is_money)


def _number(value: float, names: Names, *, is_money: bool = False) -> str:
    if is_money and names.currency:
        digits = money.exponent(names.currency)
        return f"{value / 10**digits:,.{digits}f} {names.currency}"
    text = f"{value:,.15g}"
    return f"{text} (minor units)" if is_money else text


def _days(value: float) -> str:
    return f"{value:g} day{'' if value == 1 else 's'}"


def _listed(values: list[str]) -> str:
    return " or ".join(f"“{value}”" for value in values)


def _moment(text: str) -> str:
    found = windows.moment(text)
    if isinstance(found, datetime):
        return f"{_day(found)}, {found:%H:%M} UTC"
    return _day(found) if found else text


def _day(on: date) -> str:
    return f"{on.day} {on:%B %Y}"


def _when(window: Any) -> str:
    """A window with a blank before it; nothing for all time."""
    whose = " (by their own calendar)" if windows.zone_of(window) == "customer" else ""
    match window:
        case LastDays(last_days=1):
            return " in the last day"
        case LastDays():
            return f" in the last {_days(window.last_days)}"
        case Since():
            return f" since {_moment(window.since)}{whose}"
        case Between(between=[first, last]) if first == last:
            return f" on {_moment(first)}{whose}"
        case Between(between=[first, last]):
            return f" from {_moment(first)} to {_moment(last)}{whose}"
        case SinceEntry():
            return " since they entered"
        case Calendar():
            return f" {window.calendar.replace('_', ' ')}{whose}"
        case _:
            return ""


def _happened(rule: Happened, names: Names) -> str:
    found = family(rule.event)
    when, which = _when(rule.within), _filters(rule, found, names)
    if rule.do == "count":
        return f"they {found.verb} {_times(rule, found)}{which}{when}"
    if rule.do in ("first", "last"):
        return (
            f"the {rule.do} {found.one}{which} that they {found.verb}{when} "
            f"{_operation('instant', rule.is_, rule.value, names)}"
        )
    assert rule.property is not None
    known = found.properties.get(rule.property)
    of = known.words if known else f"“{rule.property}”"
    figure = f"{_FIGURE[rule.do]} {of}"
    amount = _operation("number", rule.is_, rule.value, names, is_money=bool(known and known.is_money))
    return f"{figure} over all {found.many}{which} that they {found.verb}{when} {amount}"


def _times(rule: Happened, found: Family) -> str:
    n = rule.value
    if (rule.is_, n) in (("at_least", 1), ("more_than", 0), ("is_not", 0)):
        return found.one if found.one.startswith("“") else f"{'an' if found.one[0] in 'aeiou' else 'a'} {found.one}"
    if (rule.is_, n) in (("at_most", 0), ("less_than", 1), ("is", 0)):
        return f"no {found.one}"
    if found.one.startswith("“"):
        return f"{found.one} {_COUNTED[rule.is_]}{n:g} time{'' if n == 1 else 's'}"
    return f"{_COUNTED[rule.is_]}{n:g} {found.one if n == 1 else found.many}"


def _filters(rule: Happened, found: Family, names: Names) -> str:
    if not rule.where:
        return ""
    return " " + " and ".join(_filter(part, found, names) for part in rule.where)


def _filter(part: Filter, found: Family, names: Names) -> str:
    known = found.properties.get(part.property)
    kind = known.type if known else "json"
    subject = known.words if known else f"“{part.property}”"
    value = part.value
    if part.property == "campaign" and isinstance(value, str | list):
        named = [names.campaigns.get(v, v) for v in ([value] if isinstance(value, str) else value)]
        value = named[0] if isinstance(value, str) else named
    words = _operation(kind, part.is_, value, names, is_money=bool(known and known.is_money))
    if kind == "boolean" and isinstance(value, bool):
        return f"{'with' if value else 'without'} {subject}"
    return f"whose {subject} {words}"
