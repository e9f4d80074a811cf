"""Ready campaigns, one JSON file each: a title, a sentence, an icon and a definition to start from.

A recipe whose trigger watches a segment brings one of its own ("segment": name, description, rule): drafting it makes
the segment in the store, or takes the one of that name, and sets its number in the trigger's settings.

A recipe whose flow gives an offer brings it too ("offer": name, label, kind, value, valid_days): drafting it makes the
offer, or takes the one of that name. It has no codes yet, since the shop has to know them: until a person adds some, or
has the shop make them, the flow goes on without it, or ends where the recipe says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from automation import campaigns
from automation.campaigns import Definition


@dataclass(frozen=True, slots=True)
class RecipeSegment:
    """The segment that a recipe's trigger watches."""

    name: str
    description: str
    rule: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecipeOffer:
    """The offer that a recipe's flow gives."""

    name: str
    label: str
    kind: str
    value: int
    valid_days: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A campaign that is ready but for a look at it."""

    name: str
    title: str
    description: str
    icon: str
    definition: Definition
    segment: RecipeSegment | None = None
    offer: RecipeOffer | None = None


@cache
def recipes() -> dict[str, Recipe]:
    """Every recipe by its file's name."""
    found = {}
    for file in sorted(files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            name = file.name.removesuffix(".json")
            data = orjson.loads(file.read_bytes())
            found[name] = Recipe(
                name=name,
                title=data["title"],
                description=data["description"],
                icon=data["icon"],
                definition=campaigns.read(data["definition"]),
                segment=RecipeSegment(**data["segment"]) if "segment" in data else None,
                offer=RecipeOffer(**data["offer"]) if "offer" in data else None,
            )
    return found
