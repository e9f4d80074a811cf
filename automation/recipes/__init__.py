"""Ready campaigns, one JSON file each: a title, a sentence, an icon and a definition to start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import orjson

from automation import campaigns
from automation.campaigns import Definition


@dataclass(frozen=True, slots=True)
class Recipe:
    """A campaign that is ready but for a look at it."""

    name: str
    title: str
    description: str
    icon: str
    definition: Definition


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
            )
    return found
