from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from automation.errors import SetupError
from automation.locks import is_held, only_one


def other_process(path: Path) -> str:
    """What another process finds when it tries the lock."""
    code = "import sys, pathlib, automation.locks as l; print(l.is_held(pathlib.Path(sys.argv[1])))"
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_second_is_refused_with_the_sentence_it_was_given(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "lock", "first"),
        pytest.raises(SetupError, match="one is enough"),
        only_one(tmp_path / "lock", "one is enough"),
    ):
        pytest.fail("two held it")


def test_other_processes_see_it_held_and_free_again(tmp_path: Path) -> None:
    with only_one(tmp_path / "lock", "x"):
        assert other_process(tmp_path / "lock") == "True"
        assert is_held(tmp_path / "lock")
        assert other_process(tmp_path / "lock") == "True", "asking does not let go of it"
    assert other_process(tmp_path / "lock") == "False"
    assert not is_held(tmp_path / "lock")
