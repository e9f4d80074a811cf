"""Bodies that are almost what a shop sends: whatever is missing or odd in them, they are translated or refused."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.changes import Change
from automation.errors import Unreadable

BUDGET = int(os.environ.get("CARTWHEEL_FUZZ", "0"))
"""Bodies per platform of a longer campaign (make fuzz); otherwise some dozens."""
NOWHERE = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
"""For platforms that only read: making a real client costs more than reading a hundred bodies."""
SHARED = Path(os.environ.get("CARTWHEEL_TEST_PAYLOADS", "payloads"))
"""A larger collection of sample bodies, one folder per platform, where it is at hand."""

Read = Callable[[str, bytes], list[Change]]
"""Translates the body of a topic."""

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "0", "-1", "9" * 50, "1e400", "0000-00-00 00:00:00", "2026-02-30", "12:00", "\0", "é" * 600]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a payload: its container and its key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [spot for key in keys for spot in ((value, key), *spots(value[key]))]


def is_said_or_refused(read: Read, topic: str, body: bytes) -> bool:
    """Whether a body gives changes, or Unreadable with a reason."""
    try:
        return all(isinstance(change, Change) for change in read(topic, body))
    except Unreadable as error:
        return bool(str(error))


def mutate(read: Read, topics: Sequence[str], bodies: Sequence[tuple[str, Any]], examples: int = 60) -> None:
    """Change up to four places in one of `bodies` (topic, parsed body), again and again."""
    assert bodies

    @settings(
        max_examples=BUDGET or examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        topic, whole = data.draw(st.sampled_from(bodies))
        body = copy.deepcopy(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            places = spots(body)
            if not places:
                break
            container, key = data.draw(st.sampled_from(places))
            if data.draw(st.booleans()):
                container[key] = data.draw(JUNK)
            else:
                del container[key]
        try:
            raw = orjson.dumps(body)
        except TypeError:  # lone surrogates and the like never come out of a JSON parser
            return
        assert is_said_or_refused(read, data.draw(st.sampled_from([topic, topic, topic, *topics])), raw)

    check()


def recordings(kind: str) -> dict[str, Any]:
    """{file name without .json: parsed body} of a platform's recordings."""
    folder = Path(__file__).parents[2] / "recordings/platforms" / kind
    return {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
