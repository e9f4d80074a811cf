"""Bodies that are almost right, from dice: ten thousands of them a minute, where Hypothesis would take an hour."""

from __future__ import annotations

import copy
import random
from typing import Any

import orjson

from tests.automation.platforms.mutating import spots

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    -(2**63),
    1e308,
    0.1,
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "9" * 60,
    "12.345,6",
    "0000-00-00 00:00:00",
    "2026-02-30T25:61:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "\0",
    "a\0b",
    "\ud7ff\ufffe\u202e",
    "é" * 600,
    "x" * 5000,
    "gid://shopify/Customer/",
    "=HYPERLINK(1)",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"id": None},
    {"amount": []},
)
"""What no shop should send in place of anything."""


def mutant(dice: random.Random, body: Any) -> Any:
    """The body with one to four places changed, gone, doubled, or swapped for what stands elsewhere in it."""
    found = copy.deepcopy(body)
    for _ in range(dice.randint(1, 4)):
        places = spots(found)
        if not places:
            return dice.choice(ODD)
        container, key = dice.choice(places)
        match dice.randrange(6):
            case 0:
                del container[key]
            case 1:
                other, name = dice.choice(places)
                if (other is container and name == key) or not _has(other, name) or not _has(container, key):
                    continue
                container[key] = copy.deepcopy(other[name])
            case 2 if isinstance(container, list):
                container.insert(key, copy.deepcopy(container[key]))
            case 3 if isinstance(container[key], int | float) and not isinstance(container[key], bool):
                container[key] = dice.choice([str(container[key]), -container[key], container[key] * 10**9])
            case 4 if isinstance(container[key], str):
                container[key] = dice.choice([container[key] * 20, container[key][:3], [container[key]]])
            case _:
                container[key] = copy.deepcopy(dice.choice(ODD))
    return found


def _has(container: Any, key: Any) -> bool:
    return key in container if isinstance(container, dict) else key < len(container)


def raw_mutant(dice: random.Random, body: Any) -> bytes:
    """A mutant as bytes; one in ten of them is broken as JSON, too."""
    try:
        raw = orjson.dumps(mutant(dice, body))
    except TypeError:  # a number too large for JSON's usual readers
        raw = orjson.dumps(body)
    if dice.random() < 0.1 and raw:
        at = dice.randrange(len(raw))
        cut = [raw[:at], raw[:at] + bytes([dice.randrange(256)]) + raw[at + 1 :], b"[" * 3000 + raw, raw * 2, b""]
        return dice.choice(cut)
    return raw
