from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from automation.discovery import implementations
from automation.provider import Provider
from tests.contracts.provider_worlds import WORLDS
from tests.faults import table
from tests.faults.catalogue import HTTP, ONE_BY_ONE, OTHERWISE, SMTP, Fate, fate_of, faults_of
from tests.faults.matrix import MODES, Cell, run
from tests.faults.server import ACTS
from tests.faults.smtp_acts import ACTS as SMTP_ACTS

KINDS = implementations("automation.providers", Provider)  # type: ignore[type-abstract]  # the contract itself is looked for
REMOTE = [k for k in KINDS if k != "mailbox"]
"""The mailbox asks nobody, so nothing can go wrong on the way."""
SETTLE, BREATH, FIRST_WAIT = timedelta(seconds=300), timedelta(seconds=15), timedelta(seconds=60)
AT_FIRST: dict[Fate, tuple[str, str]] = {
    "accepted": ("accepted", ""),
    "later": ("retry", "later"),
    "unsure": ("unknown", "no_answer"),
    "misconfigured": ("ready", "misconfigured"),
    "refused": ("rejected", "refused"),
}
FOUND_OUT = {"A": "accepted", "B": "accepted", "C": "unknown"}
EVERY = bool(os.environ.get("CARTWHEEL_EVERY_FAULT"))
"""Whether each fault is met with one mail and with a batch; by default with one of the two, by turns."""


def fates(kind: str, name: str, count: int) -> list[Fate]:
    """What becomes of each mail of a request."""
    fate = fate_of(kind, name)
    if fate == "one refused":
        # With one mail, that is the one.
        return [*["accepted"] * (count - 1), "refused"]  # type: ignore[list-item]  # mypy widens the literal
    if fate == "unsure" and kind in ONE_BY_ONE:
        return ["unsure", *["later"] * (count - 1)]  # type: ignore[list-item]  # as above
    return [fate] * count


def modes_of(kind: str, name: str) -> list[str]:
    turn = (REMOTE.index(kind) + list(faults_of(kind)).index(name)) % len(MODES)
    return [*MODES] if EVERY else [[*MODES][turn]]


def mails_wrong(cell: Cell) -> Iterator[str]:
    """Where a mail is not where it belongs after the fault."""
    expected = fates(cell.kind, cell.name, MODES[cell.mode])
    if cell.name == "RCPT: 550 for one" and cell.mode == "batch":
        expected = ["refused", "accepted", "refused"]
    states = [(s, "refused" if r == "suppressed_by_provider" else r) for s, r in cell.first]
    if states != [AT_FIRST[f] for f in expected]:
        yield f"{states} instead of {expected}"
    for fate, wait in zip(expected, cell.waits, strict=True):
        asked = timedelta(seconds=cell.fault.wait) if cell.fault.wait else FIRST_WAIT
        if fate == "later" and not asked <= wait <= asked * 1.25:  # a quarter of it is jitter
            yield f"tried again after {wait} instead of {asked}"
        if fate == "unsure" and wait != SETTLE:
            yield f"looked at again after {wait}"


def connection_wrong(cell: Cell) -> Iterator[str]:
    """Where a connection in trouble neither rests nor calls a person, or does so for nothing."""
    fate = fate_of(cell.kind, cell.name)
    state, rests = cell.connection
    if state != ("broken" if fate == "misconfigured" else "active"):
        yield f"the connection is {state}"
    in_trouble = fate in {"later", "unsure"} and not cell.fault.is_one_mails
    expected = timedelta(seconds=cell.fault.wait) if cell.fault.wait else BREATH
    if rests != (expected if in_trouble else None):
        yield f"the connection rests {rests}"


def end_wrong(cell: Cell) -> Iterator[str]:
    """Where a mail was lost or sent twice once the other end was mended."""
    if max(cell.taken) > 1:
        yield "somebody got two"
    guarantee = KINDS[cell.kind].guarantee
    for (state, _), last, taken in zip(cell.first, cell.last, cell.taken, strict=True):
        if state in {"retry", "accepted"}:
            is_right = (last, taken) == ("accepted", 1)
        elif state == "unknown":
            is_right = last == FOUND_OUT[guarantee] and (taken == 1 or last == "unknown")
        else:
            is_right = (last, taken) == (state, 0)
        if not is_right:
            yield f"from {state} to {last}, taken {taken} times"


@pytest.mark.parametrize("kind", REMOTE)
def test_under_every_fault_no_mail_is_lost_or_sent_twice_and_trouble_is_shown(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    empty = request.getfixturevalue("_empty_sqlite")
    cells = run(kind, {name: modes_of(kind, name) for name in faults_of(kind)}, empty, tmp_path)
    assert len(cells) >= len(faults_of(kind))
    wrong = {(c.name, c.mode): said for c in cells if (said := [*mails_wrong(c), *connection_wrong(c), *end_wrong(c)])}
    assert wrong == {}


def test_the_catalogue_is_whole() -> None:
    assert {n for n, f in HTTP.items() if not f.is_place} == set(ACTS)
    places = {"name unknown", "connection refused", "no STARTTLS", "certificate of nobody", "RCPT: 550 for one"}
    assert set(SMTP) == set(SMTP_ACTS) | places
    assert min(len(HTTP), len(SMTP)) >= 25
    assert {kind for kind, _ in OTHERWISE} <= set(KINDS)
    assert {k for k in REMOTE if WORLDS[k].is_one_by_one} | {"smtp"} == set(ONE_BY_ONE)


def test_the_table_in_the_documents_is_current() -> None:
    assert table.PATH.read_text() == table.written(), "run python -m tests.faults.table"
