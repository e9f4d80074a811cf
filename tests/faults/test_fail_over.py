from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx
import pytest
from sqlalchemy import select

from automation.actions.connections import set_pacing
from automation.app import App, build, client
from automation.clock import TurnableClock
from automation.delivery import lines
from automation.models import Connection, Message
from automation.pacing import Pacing
from automation.settings import Settings
from automation.stages.deliver import deliver
from tests import certificates, make
from tests.conftest import NOW
from tests.contracts.provider_worlds import WORLDS
from tests.fakes import PlainRenderer
from tests.faults.server import FaultServer, slug

MINUTE = timedelta(minutes=1)
IN_HEALTH = "postmark.none.second"


@pytest.fixture
def patient(app: App) -> Iterator[App]:
    """The app with a real network, time-outs for a test's patience, and mails that cost nothing to render."""
    settings: Settings = app.settings
    made = build(settings, clock=app.clock, http=partial(client, timeout=httpx.Timeout(0.3), longest=1.0))
    made.renderer.close()
    yield replace(made, renderer=PlainRenderer(0))
    made.close()


@pytest.mark.parametrize("fault", ["401", "503", "silence after accepting", "500"])
def test_another_connection_takes_over_nobody_gets_two_and_the_first_comes_back(
    patient: App, clock: TurnableClock, fault: str
) -> None:
    app, cell = patient, f"postmark.{slug(fault)}.first"
    with FaultServer(certificates.made()[1]) as server:
        with app.db.write() as session:
            store = make.store(session)
            known = WORLDS["postmark"].settings
            at = f"http://127.0.0.1:{server.port}"
            first = make.connection(
                app, session, store, "provider", "postmark", **{**known, "base_url": f"{at}/{cell}"}
            )
            other = make.connection(
                app, session, store, "provider", "postmark", **{**known, "base_url": f"{at}/{IN_HEALTH}"}
            )
            set_pacing(session, other, Pacing(use="stand_in"), NOW)
            people = [make.customer(session, store, f"Ada{n}") for n in range(8)]
            early = [make.message(session, c, state="ready").public_id for c in people[:3]]
            late = [make.message(session, c, state="ready", due_at=NOW + 6 * MINUTE).public_id for c in people[3:]]
        server.messages = {cell: early + late, IN_HEALTH: early + late}
        for _ in range(12):
            deliver(app, clock(), 100)
            clock.turn(MINUTE)
        assert server.taken.total() >= len(late)
        assert max(server.taken.values()) == 1
        server.is_mended = True
        with app.db.write() as session:
            row = session.get_one(Connection, first.id)
            if row.state == "broken":
                row.state, row.down_since = "active", None
            for n, person in enumerate(people[:3]):
                due_at = clock() + n * 3 * MINUTE
                server.messages[cell].append(make.message(session, person, state="ready", due_at=due_at).public_id)
            server.messages[IN_HEALTH] = server.messages[cell]
        for _ in range(15):
            deliver(app, clock(), 2)
            clock.turn(MINUTE)
        lines.client(app).close()
        lines._own.client = None
        with app.db.read() as session:
            assert session.get_one(Connection, first.id).down_since is None
            assert session.get_one(Connection, other.id).standing_in_since is None
            used = session.execute(select(Message.connection_id, Message.state).order_by(Message.id)).all()
    assert max(server.taken.values()) == 1
    # What the first may have taken stays with it.
    assert {c for c, state in used if state == "unknown"} <= {first.id}
    assert (first.id, "accepted") in {tuple(pair) for pair in used}
