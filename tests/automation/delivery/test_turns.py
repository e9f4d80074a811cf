from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from automation.database import Database
from automation.delivery.turns import Turns, turns_of


def test_a_slow_connection_is_given_as_many_messages_as_fit_into_a_turn() -> None:
    turns = Turns()
    assert turns.size(1, 500) == 500
    turns.ended(1, 40, timedelta(seconds=1))
    assert turns.size(1, 500) == 80
    turns.ended(1, 100, timedelta(seconds=1))
    assert turns.size(1, 500) == 140
    assert turns.size(1, 60) == 60
    assert turns.size(2, 500) == 500


def test_a_turn_in_which_nothing_went_says_nothing_of_the_speed() -> None:
    turns = Turns()
    turns.ended(1, 0, timedelta(seconds=30))
    assert turns.size(1, 500) == 500


def test_who_was_served_longest_ago_is_known() -> None:
    turns = Turns()
    for connection in (1, 2, 1):
        turns.begin(connection)
    assert turns.last_served(3) == 0 < turns.last_served(2) < turns.last_served(1)


def test_each_database_has_a_memory_of_its_own(tmp_path: Path) -> None:
    one, other = (Database(f"sqlite:///{tmp_path / name}") for name in ("one", "other"))
    assert turns_of(one) is turns_of(one) is not turns_of(other)
    one.dispose()
    other.dispose()
