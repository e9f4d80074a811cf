from __future__ import annotations

from automation.app import App
from automation.counting import count
from automation.models import STATES
from tests import make


def test_every_state_is_counted_also_those_with_nothing_in_them(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store), make.customer(session, store, "Bob")
        make.message(session, ada)
        make.message(session, bob, state="dropped", reason="no_consent")
        make.message(session, bob, state="dropped", reason="no_consent")
    with app.db.read() as session:
        found = count(session)
    assert found["customers"] == 2
    assert set(found["messages"]) == set(STATES)
    assert {state: n for state, n in found["messages"].items() if n} == {"draft": 1, "dropped": 2}
    assert found["campaigns"]["live"] == 0
    assert found["enrolments"] == dict.fromkeys(("active", "finished", "exited", "converted", "held"), 0)
