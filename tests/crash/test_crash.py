"""A short crash campaign on each database, and the proof that the campaign can fail."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from automation.app import App
from automation.models import Message
from automation.stages.deliver import deliver
from tests.crash.__main__ import run, show
from tests.crash.campaign import Campaign

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_workers_that_are_killed_anywhere_lose_and_double_nothing(request: pytest.FixtureRequest, kind: str) -> None:
    if kind == "postgresql" and request.getfixturevalue("_postgresql") is None:
        pytest.skip("no PostgreSQL server (CARTWHEEL_TEST_POSTGRESQL): its half of the tests is skipped")
    report = run(kind, 40, seed=11)
    show(report)
    assert report["objections"] == []
    assert report["kills"] >= 40
    assert report["accepted"] > 100
    assert report["lost"] == report["duplicates"] == 0


def send_again_blindly(app: App, now: datetime, limit: int) -> int:
    """The stage as it would be without finding out: what is unknown simply goes again."""
    with app.db.write() as session:
        session.execute(update(Message).where(Message.state == "unknown").values(state="retry", due_at=now))
    return deliver(app, now, limit)


def test_the_campaign_notices_a_stage_that_sends_again_blindly(tmp_path: Path) -> None:
    report = Campaign(tmp_path, None, 15, trouble=0.15, stage=send_again_blindly).run()
    assert report["verdict"] == "fail"
    assert report["duplicates"] > 0


def record_before_sending(app: App, now: datetime, limit: int) -> int:
    """The stage as it would be if it called a mail accepted as soon as it was claimed by anybody."""
    with app.db.write() as session:
        session.execute(update(Message).where(Message.state == "claimed").values(state="accepted", fence=99))
    return deliver(app, now, limit)


def test_the_campaign_notices_a_stage_that_loses_mails(tmp_path: Path) -> None:
    report = Campaign(tmp_path, None, 15, trouble=0.0, stage=record_before_sending).run()
    assert report["verdict"] == "fail"
    assert report["lost"] > 0
