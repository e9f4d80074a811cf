"""Verdicts are written with the mail and its line of the log, many at once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event, select

from automation import verdicts
from automation.app import App
from automation.arbiter import Verdict
from automation.models import Decision, Message
from tests import make
from tests.conftest import NOW


def test_each_verdict_lands_on_its_own_mail_and_in_the_log(app: App) -> None:
    later, stale_at = NOW + timedelta(hours=2), NOW + timedelta(minutes=15)
    said = [
        Verdict("go", "go", {"timezone": "UTC"}, stale_at=stale_at),
        Verdict("defer", "gap", {"gap_hours": 16}, later),
        Verdict("drop", "suppressed", {"suppression": "complaint"}),
    ]
    with app.db.write() as session:
        store = make.store(session)
        drafts = [make.message(session, make.customer(session, store, f"C{i}")) for i in range(9)]
        counted: list[str] = []
        listen = lambda *a: counted.append(a[2])  # noqa: E731  to be taken off again by name
        event.listen(app.db.engine, "before_cursor_execute", listen)
        verdicts.write(session, [(row, said[i % 3]) for i, row in enumerate(drafts)], NOW)
        event.remove(app.db.engine, "before_cursor_execute", listen)
        verdicts.write(session, [], NOW)
    assert len(counted) == 2
    with app.db.read() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        log = session.scalars(select(Decision).order_by(Decision.message_id)).all()
    assert [(m.state, m.reason, m.due_at, m.stale_at, m.decided_at) for m in rows[:3]] == [
        ("ready", "go", NOW, stale_at, NOW),
        ("draft", "gap", later, None, NOW),
        ("dropped", "suppressed", NOW, None, NOW),
    ]
    assert [m.state for m in rows] == ["ready", "draft", "dropped"] * 3
    assert [(d.message_id, d.outcome, d.reason, d.facts, d.until) for d in log] == [
        (m.id, said[i % 3].outcome, said[i % 3].reason, said[i % 3].facts, said[i % 3].until)
        for i, m in enumerate(rows)
    ]
    assert {(d.customer_id, d.campaign_id, d.at) for d in log} == {(m.customer_id, None, NOW) for m in rows}
