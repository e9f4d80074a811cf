from __future__ import annotations

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
CELLS = [(kind, name) for kind in REMOTE for name in faults_of(kind)]


@pytest.fixture(scope="module")
def cells(_empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Cell]:
    """The whole matrix, run once."""
    return run(REMOTE, _empty_sqlite, tmp_path_factory.mktemp("faults"))


def fates(kind: str, name: str, count: int) -> list[Fate]:
    """What becomes of each mail of a request."""
    fate = fate_of(kind, name)
    if fate == "one refused":
        # With one mail, that is the one.
        return [*["accepted"] * (count - 1), "refused"]  # type: ignore[list-item]  # mypy widens the literal
    if fate == "unsure" and kind in ONE_BY_ONE:
        return ["unsure", *["later"] * (count - 1)]  # type: ignore[list-item]  # as above
    return [fate] * count


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_fault_leaves_every_mail_where_it_belongs(
    kind: str, name: str, cells: dict[tuple[str, str, str], Cell]
) -> None:
    wanted = faults_of(kind)[name]
    for mode, count in MODES.items():
        cell = cells[kind, name, mode]
        expected = fates(kind, name, count)
        if name == "RCPT: 550 for one" and count > 1:
            expected = ["refused", "accepted", "refused"]
        reasons = [(s, "refused" if r == "suppressed_by_provider" else r) for s, r in cell.first]
        assert reasons == [AT_FIRST[f] for f in expected], mode
        for fate, wait in zip(expected, cell.waits, strict=True):
            if fate == "later":
                asked = timedelta(seconds=wanted.wait) if wanted.wait else FIRST_WAIT
                assert asked <= wait <= asked * 1.25, "a quarter of it is jitter"
            if fate == "unsure":
                assert wait == SETTLE


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_connection_in_trouble_rests_or_calls_a_person(
    kind: str, name: str, cells: dict[tuple[str, str, str], Cell]
) -> None:
    fate, fault = fate_of(kind, name), faults_of(kind)[name]
    for mode in MODES:
        state, rests = cells[kind, name, mode].connection
        assert state == ("broken" if fate == "misconfigured" else "active"), mode
        if fate in {"later", "unsure"} and not fault.is_one_mails:
            assert rests == (timedelta(seconds=fault.wait) if fault.wait else BREATH), mode
        else:
            assert rests is None, mode


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_once_mended_nothing_is_lost_and_nothing_sent_twice(
    kind: str, name: str, cells: dict[tuple[str, str, str], Cell]
) -> None:
    for mode in MODES:
        cell = cells[kind, name, mode]
        assert max(cell.taken) <= 1, f"{mode}: somebody got two"
        for (state, _), last, taken in zip(cell.first, cell.last, cell.taken, strict=True):
            if state in {"retry", "accepted"}:
                assert (last, taken) == ("accepted", 1), mode
            elif state == "unknown":
                assert last == FOUND_OUT[KINDS[kind].guarantee], mode
                assert taken == 1 or last == "unknown", mode
            else:
                assert (last, taken) == (state, 0), mode


def test_the_catalogue_is_whole() -> None:
    assert {n for n, f in HTTP.items() if not f.is_place} == set(ACTS)
    places = {"name unknown", "connection refused", "no STARTTLS", "certificate of nobody", "RCPT: 550 for one"}
    assert set(SMTP) == set(SMTP_ACTS) | places
    assert min(len(HTTP), len(SMTP)) >= 25
    assert {kind for kind, _ in OTHERWISE} <= set(KINDS)
    assert {k for k in REMOTE if WORLDS[k].is_one_by_one} | {"smtp"} == set(ONE_BY_ONE)


def test_the_table_in_the_documents_is_current() -> None:
    assert table.PATH.read_text() == table.written(), "run python -m tests.faults.table"
