"""A short crash campaign on each database, the proof that the campaign can fail, and what its audit lets pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from automation.app import App
from automation.models import Attempt, Message
from automation.stages.deliver import deliver
from tests import make
from tests.conftest import NOW
from tests.crash.__main__ import run
from tests.crash.adapters import KINDS
from tests.crash.audit import audit
from tests.crash.campaign import Campaign
from tests.crash.report import Report, show

pytestmark = pytest.mark.crash
QUICK = 0.2
"""Seconds of warming up: rare statements are prepared by the workers themselves."""


@pytest.mark.parametrize("lane", ["sqlite", "postgresql"])
def test_workers_that_are_killed_anywhere_lose_and_double_nothing(request: pytest.FixtureRequest, lane: str) -> None:
    if lane == "postgresql" and request.getfixturevalue("_postgresql") is None:
        pytest.skip("no PostgreSQL server (CARTWHEEL_TEST_POSTGRESQL): its half of the tests is skipped")
    report = run(lane, 12, seed=11, workers=2, warm_up=QUICK)
    show(report)
    assert report["objections"] == []
    assert report["kills"] >= 12
    assert report["accepted"] > 30
    assert report["belt"]["visitors"] > 0
    assert report["violence"]["database restored from a copy"] >= 1
    assert report["lost"] == report["duplicates"] == 0


def send_again_blindly(app: App, now: datetime, limit: int) -> int:
    """The stage as it would be without finding out: what is unknown simply goes again."""
    with app.db.write() as session:
        session.execute(update(Message).where(Message.state == "unknown").values(state="retry", due_at=now))
    return deliver(app, now, limit)


def test_the_campaign_notices_a_stage_that_sends_again_blindly(tmp_path: Path) -> None:
    report = Campaign(tmp_path, None, 8, trouble=0.25, stage=send_again_blindly, warm_up=QUICK).run()
    assert report["verdict"] == "fail"
    assert report["duplicates"] > 0


def record_before_sending(app: App, now: datetime, limit: int) -> int:
    """The stage as it would be if it called a mail accepted as soon as it was claimed by anybody."""
    with app.db.write() as session:
        session.execute(update(Message).where(Message.state == "claimed").values(state="accepted", fence=99))
    return deliver(app, now, limit)


def test_the_campaign_notices_a_stage_that_loses_mails(tmp_path: Path) -> None:
    report = Campaign(tmp_path, None, 8, trouble=0.0, stage=record_before_sending, warm_up=QUICK).run()
    assert report["verdict"] == "fail"
    assert report["lost"] > 0


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FLAGGED: dict[str, Any] = {"reason": "possible_duplicate", "mail_class": "transactional"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "values", "waited", "keys", "is_excused"),
    [
        ("keyed", FLAGGED, DAY + HOUR, ("one", "two"), True),
        ("silent", FLAGGED, DAY + HOUR, ("one", "two"), True),
        ("searchable", FLAGGED, DAY + HOUR, ("one", "two"), False),
        ("keyed", {**FLAGGED, "reason": ""}, DAY + HOUR, ("one", "two"), False),
        ("keyed", {**FLAGGED, "mail_class": "promotional"}, DAY + HOUR, ("one", "two"), False),
        ("keyed", FLAGGED, 23 * HOUR, ("one", "two"), False),
        ("keyed", FLAGGED, DAY + HOUR, ("one", "one"), False),
        ("keyed", FLAGGED, DAY + HOUR, ("one", "two", "two"), False),
        ("keyed", FLAGGED, DAY + HOUR, ("one", "unknown"), False),
    ],
    ids=str,
)
def test_a_second_mail_is_excused_only_by_the_rows_own_flag_and_an_expired_key(
    app: App,
    tmp_path: Path,
    kind: str,
    values: dict[str, Any],
    waited: timedelta,
    keys: tuple[str, ...],
    is_excused: bool,
) -> None:
    app = replace(app, providers=KINDS)
    with app.db.write() as session:
        store = make.store(session)
        lane = make.connection(app, session, store, "provider", kind, url="http://127.0.0.1:1")
        mail = make.message(
            session, make.customer(session, store), state="accepted", connection_id=lane.id, provider_id="p1", **values
        )
        for key, at in (("one", NOW), ("two", NOW + waited)):
            session.add(Attempt(connection_id=lane.id, key=key, message_ids=[mail.id], state="accepted", started_at=at))
        lines = [f"{KINDS[kind].guarantee.lower()} {mail.public_id} p{n} {n} {k}" for n, k in enumerate(keys, 1)]
    truth = tmp_path / "truth"
    truth.write_text("\n".join(lines) + "\n")
    found = audit(app, truth, tmp_path / "suppressed", in_flight=0, kills=0, unanswered_allowed=0)
    assert (found.counts["duplicates"], found.counts["flagged_duplicates"]) == ((0, 1) if is_excused else (1, 0))
    assert bool(found.faults) != is_excused


def test_slices_of_a_long_run_are_added_up_and_one_objection_is_enough(tmp_path: Path) -> None:
    slices: dict[str, Any] = {
        "lane": "sqlite",
        "workers": 1,
        "kills": 10,
        "seconds": 2.5,
        "expected": 100,
        "accepted": 98,
        "lost": 0,
        "duplicates": 0,
        "violence": {"killed at a random moment": 10},
        "belt": {"visitors": 3},
        "points": {"deliver.sent": {"passed": 5, "killed": 1}},
    }
    path = tmp_path / "REPORT"
    first = Report()
    first.add({**slices, "seed": 1, "objections": []})
    first.write(path)
    again = Report.load(path)
    again.add({**slices, "seed": 2, "objections": ["a mail was lost"]})
    again.write(path)
    lane = Report.load(path).lanes["sqlite"]
    assert (lane["kills"], lane["slices"], lane["seeds"], lane["verdict"]) == (20, 2, [1, 2], "fail")
    assert lane["points"]["deliver.sent"] == {"passed": 10, "killed": 2}
    assert "seed 2: a mail was lost" in path.with_suffix(".md").read_text()
