"""Draws random rules that touch every node, field, family and operator of the language."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from automation.rules.families import FAMILIES, family
from automation.rules.fields import FIELDS
from automation.rules.operators import OPERATORS, ZONED
from tests.automation.rules.world import EVENTS, TAGS, TEXTS, TICK, TOPICS, World

CALENDARS = ("today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year")
PATHS = ("attributes.size", "attributes.note", "attributes.day", "attributes.size.shoe", "attributes.size.0")
NAMES = (*FAMILIES, *EVENTS, "never.heard")
_COUNTS = ("is", "is_not", "at_least", "at_most", "more_than", "less_than")
_WORDS = (
    "c1",
    "%",
    "_",
    "ada",
    "o_",
    "1011",
    "M",
    "é",
    "example.com",
    "P0",
    "p1",
    "Tea",
    "S1",
    "mail_1",
    "promotional",
)


class Draw:
    """Rules for one world."""

    def __init__(self, world: World, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = world
        self.segments: dict[int, Any] = {}
        self.segments = {key: self.rule(2) for key in (1, 2, 3)}

    def rule(self, depth: int = 3) -> dict[str, Any]:
        dice = self.dice
        if depth and dice.random() < 0.4:
            many = [self.rule(depth - 1) for _ in range(dice.choice([0, 1, 2, 2, 3]))]
            return dice.choice([{"all": many}, {"any": many}, {"not": self.rule(depth - 1)}])
        kinds = [self._compare, self._compare, self._path, self._event, self._event, self._event, self._bought]
        kinds += [self._consent, self._suppressed] + [self._segment] * bool(self.segments)
        return dice.choice(kinds)()

    def _segment(self) -> dict[str, Any]:
        return {"segment": self.dice.choice(list(self.segments))}

    def _consent(self) -> dict[str, Any]:
        status = self.dice.choice(["granted", "withdrawn", "pending", "not_asked"])
        rule: dict[str, Any] = {"consent": self.dice.choice(TOPICS), "is": status}
        return rule if status == "not_asked" else self._windowed(rule)

    def _suppressed(self) -> dict[str, Any]:
        return {"suppressed": self.dice.choice([True, False, ["complaint"], ["manual", "provider"]])}

    def _bought(self) -> dict[str, Any]:
        by = self.dice.choice(["product", "variant", "sku", "category", "tag", "vendor"])
        return self._windowed({"bought": {by: self._texts()}})

    def _texts(self) -> list[str]:
        pool = [*(t for t in TEXTS if t), *_WORDS, *TAGS, "V1", "P2", "Cups", "Wren", *self.world.campaigns]
        return self.dice.sample(pool, self.dice.randint(1, 4))

    def _text(self) -> str:
        return self._texts()[0]

    def _windowed(self, rule: dict[str, Any]) -> dict[str, Any]:
        return {**rule, "within": self._window()} if self.dice.random() < 0.6 else rule

    def _moment(self) -> str:
        return self.world.now.astimezone(UTC).isoformat() if self.dice.random() < 0.2 else self._instant().isoformat()

    def _instant(self) -> datetime:
        nudge = self.dice.choice([timedelta(), TICK, -TICK])
        return self.world.now - timedelta(days=self.dice.choice([-3, 0, 1, 7, 30, 90])) + nudge

    def _window(self) -> dict[str, Any]:
        dice = self.dice
        zone = dice.choice([{}, {"zone": "store"}, {"zone": "customer"}])
        kind = dice.choice(["days", "days", "since", "between", "calendar", "calendar"])
        if kind == "days":
            return {"last_days": dice.choice([1, 2, 7, 30, 31, 90, 365, 0.5])}
        if kind == "calendar":
            return {"calendar": dice.choice(CALENDARS), **zone}
        moments = sorted([self._instant(), self._instant()])
        texts = [m.date().isoformat() if zone else m.isoformat() for m in moments]
        return {"since": texts[0], **zone} if kind == "since" else {"between": texts, **zone}

    def _comparison(self, kind: str) -> dict[str, Any]:
        operator = self.dice.choice(list(OPERATORS[kind]))
        value = self._value(kind, operator)
        return {"is": operator} if value is None else {"is": operator, "value": value}

    def _value(self, kind: str, operator: str) -> Any:
        dice = self.dice
        if operator in ("is_known", "is_unknown", "is_today", "anniversary_is_today"):
            return None
        if operator in ("in", "not_in"):
            return self._texts()
        if operator == "within":
            return self._window()
        if operator.endswith("_days") or operator == "over_days_ago":
            return dice.choice([1, 2, 7, 17, 30, 364, 365])
        if operator in ("before", "after"):
            return self._moment() if kind == "instant" else self._instant().date().isoformat()
        if operator in ("has", "has_not"):
            return dice.choice([*TAGS, "1", "x"])
        if kind == "boolean":
            return dice.choice([True, False])
        if kind == "number" or operator in ("at_least", "at_most", "more_than", "less_than"):
            return dice.choice([0, 1, 2, 3, 12, 42, 42.5, -1, 999, 1999, 5000, 2.5, 1980])
        if kind == "json" and operator in ("is", "is_not"):
            return dice.choice(["M", "42", 42, 42.5, 0, 1, True, False, "2026-03-12"])
        return self._text()

    def _compare(self) -> dict[str, Any]:
        name = self.dice.choice(list(FIELDS))
        rule = {"field": name, **self._comparison(FIELDS[name].type)}
        return self._zoned(rule) if FIELDS[name].type == "annual" else rule

    def _path(self) -> dict[str, Any]:
        path = self.dice.choice([*PATHS, "source.utm.campaign", "source.utm"])
        return self._zoned({"field": path, **self._comparison("json")})

    def _zoned(self, rule: dict[str, Any]) -> dict[str, Any]:
        zones = self.dice.choice([{}, {"zone": "store"}, {"zone": "customer"}])
        return {**rule, **zones} if rule["is"] in ZONED else rule

    def _filter(self, name: str) -> dict[str, Any]:
        found = family(name)
        paths = ["stars", "size", "size.shoe"] if found.json is not None and not found.json_prefix else []
        paths += ["source.utm", "source.utm.shoe"] if found.json_prefix else []
        which = self.dice.choice([*found.properties, *paths])
        kind = found.properties[which].type if which in found.properties else "json"
        while True:
            made = self._comparison(kind)
            if kind != "json" or made["is"] not in ZONED | {"before", "after"}:
                return {"property": which, **made}

    def _event(self) -> dict[str, Any]:
        dice = self.dice
        name = dice.choice(NAMES)
        rule: dict[str, Any] = self._windowed({"event": name})
        found = family(name)
        if found.properties or found.json is not None:
            filters = [self._filter(name) for _ in range(dice.choice([0, 0, 0, 1, 2]))]
            rule = {**rule, "where": filters} if filters else rule
        sums = [p.name for p in found.properties.values() if p.type == "number"]
        sums += ["stars", "size.shoe"] if found.json is not None and not found.json_prefix else []
        do = dice.choice(["count", "count", "first", "last", *(["sum", "average", "min", "max"] if sums else [])])
        if do == "count" and dice.random() < 0.3:
            return rule
        if do == "count":
            return {**rule, "is": dice.choice(_COUNTS), "value": dice.choice([0, 1, 2, 3, 1.5, -1])}
        if do in ("first", "last"):
            return {**rule, "do": do, **self._comparison("instant")}
        rule |= {"do": do, "property": dice.choice(sums)}
        if do == "sum":
            return {**rule, "is": dice.choice(_COUNTS), "value": dice.choice([0, 1, 42, 999, 5000, -1, 42.5])}
        return {**rule, **self._comparison("number")}
