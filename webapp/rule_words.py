"""What a rule's form offers to choose from, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from automation.rules.families import FAMILIES, family
from automation.rules.fields import FIELDS
from automation.rules.language import BoughtBy
from automation.rules.operators import OPERATORS
from automation.rules.windows import Named
from webapp.rule_form import NO_VALUE, Line, event_of, filter_type, is_money, type_of

Choices = list[tuple[str, str]]

_GROUPS: dict[str, str] = {
    "Who they are": "email first_name last_name phone country region city postcode locale timezone currency tags "
    "birthday birthday_month birthday_year created_at",
    "What they bought": "order_count order_total order_average first_order_at last_order_at cart_count",
    "What they do": "engaged_at last_visit_at last_mail_at last_open_at last_click_at",
    "Loyalty": "points_balance tier",
    "What is expected of them": "rfm_group recency frequency monetary expected_orders lifetime_value alive "
    "next_order_at lead_score",
}
"""Fields by what they are about; those of other rooms come last."""
_DO = {
    "count": "times",
    "sum": "sum of",
    "average": "average of",
    "min": "least",
    "max": "most",
    "first": "first time",
    "last": "last time",
}
_CONSENT = {
    "granted": "was given",
    "withdrawn": "was withdrawn",
    "pending": "is pending",
    "not_asked": "was never asked for",
}
_KINDS = {
    "field": "Something known of them",
    "event": "Something that happened",
    "bought": "A product they bought",
    "consent": "Consent to a topic",
    "suppressed": "Whether they may be mailed",
    "segment": "Another segment",
    "all": "A group: all hold",
    "any": "A group: one holds",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that the lines' choices offer; the methods answer for one line."""

    fields: list[tuple[str, Choices]]
    events: Choices
    segments: Choices
    topics: Choices
    currency: str
    kinds: tuple[tuple[str, str], ...] = tuple(_KINDS.items())
    does: tuple[tuple[str, str], ...] = tuple(_DO.items())
    consent: tuple[tuple[str, str], ...] = tuple(_CONSENT.items())
    bought_by: tuple[tuple[str, str], ...] = tuple((one, one.capitalize()) for one in get_args(BoughtBy))
    spans: tuple[tuple[str, str], ...] = tuple((one, one.replace("_", " ")) for one in get_args(Named))

    def operators(self, line: Line) -> Choices:
        """How the line's value may be compared."""
        if line["kind"] == "event" and line["do"] in ("count", "sum"):
            return [(key, OPERATORS["number"][key]) for key in list(OPERATORS["number"])[:6]]
        return [(key, text) for key, text in OPERATORS[type_of(line)].items() if key != "within"]

    def filter_operators(self, line: Line, one: Line) -> Choices:
        """The same for an event's property."""
        return [(k, text) for k, text in OPERATORS[filter_type(line, one["property"])].items() if k != "within"]

    def properties(self, line: Line, *, numbers: bool = False) -> Choices:
        """An event's properties; none for an event of the shop's own, whose are typed."""
        known = family(event_of(line)).properties.values()
        return [(one.name, one.words.capitalize()) for one in known if not numbers or one.type == "number"]

    def unit(self, line: Line) -> str:
        """What stands behind the value."""
        if line["is"] in (
            "in_last_days",
            "not_in_last_days",
            "over_days_ago",
            "in_next_days",
            "anniversary_in_next_days",
        ):
            return "days"
        return self.currency if is_money(line) else ""

    def hint(self, line: Line) -> str:
        """What to type for the value."""
        if line["is"] in ("in", "not_in"):
            return "DE, AT, CH" if line.get("field") == "country" else "several, with commas"
        if type_of(line) == "instant":
            return "2026-03-01T00:00+01:00" if line["is"] in ("before", "after") else "30"
        return ""

    def takes_value(self, line: Line) -> bool:
        """Whether there is anything to compare with."""
        return line["is"] not in NO_VALUE

    def is_boolean(self, kind: str, line: Line) -> bool:
        """Whether the value is a yes or a no."""
        return kind == "boolean" or (kind == "json" and line.get("as") == "yes")

    def type_of(self, line: Line) -> str:
        """The type of a line's value."""
        return type_of(line)

    def filter_type(self, line: Line, name: str) -> str:
        """The type of an event's property."""
        return filter_type(line, name)


def catalogue(segments: dict[int, str], topics: Choices, currency: str) -> Catalogue:
    """What a store's lines may choose from."""
    grouped = {name for names in _GROUPS.values() for name in names.split()}
    fields = [(title, [(name, _named(name)) for name in names.split()]) for title, names in _GROUPS.items()]
    others = [(name, _named(name)) for name in FIELDS if name not in grouped]
    fields.append(
        ("Other", [*others, ("attributes.", "An attribute of their own…"), ("source.", "Where they came from…")])
    )
    events = [
        (name, f"{one.verb} {'an' if one.one[:1] in 'aeiou' else 'a'} {one.one}".capitalize())
        for name, one in FAMILIES.items()
    ]
    return Catalogue(
        fields=fields,
        events=[*events, ("other", "Another event…")],
        segments=[(str(number), name) for number, name in segments.items()],
        topics=topics,
        currency=currency,
    )


def _named(name: str) -> str:
    return FIELDS[name].words.removeprefix("their ").capitalize()
