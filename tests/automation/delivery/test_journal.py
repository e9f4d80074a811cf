from __future__ import annotations

import fcntl
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.delivery.journal import Entry, Journal, dead, read
from automation.delivery.results import Result

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def entry(key: str = "k", count: int = 1) -> Entry:
    results = tuple(Result(message_id=n, fence=1, verdict="accepted", provider_id=f"p{n}") for n in range(count))
    return Entry(key, AT, results)


_results = st.builds(
    Result,
    message_id=st.integers(1, 2**53),
    fence=st.integers(0, 1000),
    verdict=st.sampled_from(["accepted", "rejected", "later", "unsure", "misconfigured", "split"]),
    provider_id=st.text(st.characters(exclude_categories=["Cs"])),
    reason=st.text(st.characters(exclude_categories=["Cs"])),
    detail=st.text(st.characters(exclude_categories=["Cs"])),
    due_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    suppress=st.booleans(),
)


@given(results=st.lists(_results, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, results: list[Result]) -> None:
    path = tmp_path_factory.mktemp("journal") / "sends.journal"
    written = Entry("k", AT, tuple(results))
    path.write_bytes(written.line() * 2)
    assert list(read(path)) == [written, written]


def test_a_line_that_was_cut_short_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "sends.1.journal"
    path.write_bytes(entry("a").line() + entry("b").line()[:-20] + entry("c").line() + entry("d").line()[:10])
    assert [e.key for e in read(path)] == ["a", "c"]


def test_an_entry_is_on_disk_before_the_database_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.entered(entry("a")):
        assert [e.key for e in read(journal.path)] == ["a"]
    journal.close()


def test_an_entry_that_the_database_did_not_take_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(OSError, match="away"), journal.entered(entry("a")):
        raise OSError("away")
    with journal.entered(entry("b")):
        pass
    failed = journal.take_failed()
    assert [e.key for e in failed] == ["a"]
    assert journal.take_failed() == []
    journal.close()


def test_a_large_journal_is_emptied_when_nothing_is_outstanding(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    large = entry("a", 20_000)
    with journal.entered(large):
        with journal.entered(entry("b")):
            pass
        assert journal.path.stat().st_size > 1_000_000
    assert journal.path.stat().st_size == 0
    with journal.entered(entry("c")):
        assert [e.key for e in read(journal.path)] == ["c"]
    journal.close()


def test_a_full_disk_does_not_keep_the_database_from_being_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    real, journal._fd = journal._fd, os.open(tmp_path, os.O_RDONLY)  # cannot be written to
    told = []
    with journal.entered(entry("a")):
        told.append("a")
    os.close(journal._fd)
    journal._fd = real
    journal.close()
    assert told == ["a"]


def test_only_journals_of_dead_processes_are_read(tmp_path: Path) -> None:
    own = Journal(tmp_path)
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        other = Journal(tmp_path)
        with other.entered(entry("theirs")):
            os.write(told, str(other.path).encode() + b"\n")
            signal.pause()
    path = Path(os.read(ready, 1000).decode().strip())
    with dead(tmp_path) as found:
        assert found == []
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with dead(tmp_path) as found:
        assert found == [path]
        assert [e.key for e in read(path)] == ["theirs"]
    os.close(ready)
    os.close(told)
    own.close()


def test_a_journal_that_somebody_else_removed_meanwhile_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sends.1-gone.journal"
    path.write_bytes(entry("a").line())
    real = fcntl.lockf

    def lose_the_race(fd: int, operation: int) -> None:
        path.unlink()
        real(fd, operation)

    monkeypatch.setattr(fcntl, "lockf", lose_the_race)
    with dead(tmp_path) as found:
        assert found == []
