from __future__ import annotations

from datetime import timedelta
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.app import App
from automation.clock import TurnableClock
from automation.database import Database
from automation.models import Record
from automation.queue.leader import CLOCK, SPAN, hold, is_current, release
from tests.conftest import NOW


def _hold(app: App, who: str, seconds: float = 0) -> int | None:
    with app.db.write() as session:
        return hold(session, CLOCK, who, NOW + timedelta(seconds=seconds))


def test_the_first_who_asks_leads_and_keeps_leading(app: App) -> None:
    assert _hold(app, "a") == 1
    assert _hold(app, "b", 1) is None
    assert _hold(app, "a", 10) == 1
    assert _hold(app, "b", 20) is None, "it was renewed at ten seconds"


def test_a_leader_that_falls_silent_is_followed_under_a_new_term(app: App) -> None:
    _hold(app, "a")
    assert _hold(app, "b", SPAN.total_seconds()) == 2
    assert _hold(app, "a", SPAN.total_seconds() + 1) is None, "it wakes up and finds that it leads no more"
    with app.db.read() as session:
        assert not is_current(session, CLOCK, 1)
        assert is_current(session, CLOCK, 2)


def test_a_leader_that_slept_past_its_own_lease_comes_back_under_a_new_term(app: App) -> None:
    _hold(app, "a")
    assert _hold(app, "a", SPAN.total_seconds() + 5) == 2, "others might have led meanwhile"


def test_who_lets_go_is_followed_at_once(app: App) -> None:
    _hold(app, "a")
    with app.db.write() as session:
        release(session, CLOCK, "b", NOW)
    assert _hold(app, "b", 1) is None, "nobody lets go of another's lease"
    with app.db.write() as session:
        release(session, CLOCK, "a", NOW)
    assert _hold(app, "b", 1) == 2


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 40), st.floats(-30, 30)),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_term_is_ever_led_by_two_whatever_their_clocks_show(steps: list[tuple[str, float, float]]) -> None:
    with TemporaryDirectory() as folder:
        _lead(Database(f"sqlite:///{folder}/leases.sqlite"), steps)


def _lead(database: Database, steps: list[tuple[str, float, float]]) -> None:
    Record.metadata.tables["leases"].create(database.engine)
    clock = TurnableClock(NOW)
    led: dict[int, str] = {}
    for who, later, skew in steps:
        clock.turn(timedelta(seconds=later))
        with database.write() as session:
            term = hold(session, CLOCK, who, clock() + timedelta(seconds=skew))
        if term is not None:
            assert led.setdefault(term, who) == who
            assert term == max(led), "an older term never leads again"
    database.dispose()
