from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from automation.app import App
from automation.metrics import Family, families, written
from automation.models import Lease
from automation.queue import leader
from automation.queue.beat import Beat, run_stage
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import shop
from tests.conftest import NOW
from tests.fakes import scripted


def _figures(app: App) -> dict[str, float]:
    with app.db.read() as session:
        lines = written(families(session, NOW)).splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def test_what_waits_what_was_sent_and_who_leads_can_be_read(app: App) -> None:
    app, _ = scripted(app, "B")
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob")
        customer = make.customer(session, make.store(session), "Cid")
        make.message(session, customer, due_at=NOW - timedelta(seconds=40))
        session.add(Lease(name=leader.CLOCK, holder="host:1", term=7, until=NOW + timedelta(seconds=9)))
    assert _figures(app)['cartwheel_messages{state="ready"}'] == 2
    run_stage(app, "deliver", NOW)
    Beat(app)._beat()
    found = _figures(app)
    mine = f'process="{app.worker_id}"'
    assert found['cartwheel_messages{state="ready"}'] == 0
    assert found['cartwheel_messages{state="draft"}'] == 1
    assert found[f'cartwheel_sends_total{{verdict="accepted",{mine}}}'] == 2
    assert found[f'cartwheel_stage_runs_total{{stage="deliver",{mine}}}'] == 1
    assert found['cartwheel_oldest_due_seconds{queue="drafts"}'] == 40
    assert found['cartwheel_heartbeat_age_seconds{loop="worker"}'] == 0
    assert found['cartwheel_leader{lease="clock",holder="host:1"}'] == 7
    assert found["cartwheel_requests_total"] == 1


def test_no_look_costs_more_for_more_mails(app: App) -> None:
    asked: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    counts = []
    for name in ("Ada", "Bob"):
        with app.db.write() as session:
            customer = make.customer(session, make.store(session), name)
            for _ in range(5):
                make.message(session, customer)
        asked.clear()
        _figures(app)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_label_cannot_break_out_of_its_line() -> None:
    family = Family("x", "gauge", "X.")
    family.add(1.5, a='q"\n\\')
    assert written([family]).splitlines()[-1] == 'x{a="q\\"\\n\\\\"} 1.5'


def test_a_stage_that_fails_is_counted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr("automation.queue.beat.STAGES", {"deliver": broken})
    with pytest.raises(RuntimeError):
        run_stage(app, "deliver", NOW)
    assert app.counts.snapshot()["stage_failures"] == {"deliver": 1}
    assert deliver(app, NOW, 1) == 0
