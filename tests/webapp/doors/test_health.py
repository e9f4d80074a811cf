from __future__ import annotations

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import text

from automation.app import App
from automation.models import Heartbeat
from tests import make
from tests.conftest import NOW
from tests.webapp.doors.conftest import said


def test_an_installation_at_rest_is_well_and_has_no_worker_yet(web: FlaskClient) -> None:
    answer = web.get("/healthz")
    assert answer.status_code == 200
    assert said(answer) == {
        "ok": True,
        "is_beating": False,
        "heartbeats": {},
        "waiting": {},
        "oldest_due_seconds": None,
    }


def test_the_age_of_a_heartbeat_and_of_the_oldest_work_is_told(web: FlaskClient, app: App) -> None:
    with app.db.write() as session:
        session.add(Heartbeat(name="deliver", at=NOW - timedelta(seconds=3)))
        session.add(Heartbeat(name="enrol", at=NOW - timedelta(seconds=90)))
        customer = make.customer(session, make.store(session))
        make.message(session, customer, due_at=NOW - timedelta(seconds=20))
        make.message(session, customer, due_at=NOW + timedelta(hours=1))
    answer = said(web.get("/healthz"))
    assert answer["heartbeats"] == {"deliver": 3.0, "enrol": 90.0}
    assert answer["is_beating"]
    assert answer["waiting"] == {"drafts": 20.0}
    assert answer["oldest_due_seconds"] == 20.0


def test_a_worker_that_stopped_an_hour_ago_is_not_beating(web: FlaskClient, app: App) -> None:
    with app.db.write() as session:
        session.add(Heartbeat(name="deliver", at=NOW - timedelta(hours=1)))
    assert said(web.get("/healthz"))["is_beating"] is False


def test_a_database_that_does_not_answer_is_503(web: FlaskClient, app: App) -> None:
    with app.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE heartbeats RENAME TO elsewhere"))
    try:
        answer = web.get("/healthz")
        assert (answer.status_code, said(answer)["ok"]) == (503, False)
    finally:
        with app.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO heartbeats"))
