from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from automation.actions.admins import create_admin, start_session, wall_time
from automation.app import App
from automation.clock import ShiftedClock
from automation.demo import fast_forward, switch
from automation.models import Job
from tests import make
from tests.pages import open_pages
from webapp.assets import is_built
from webapp.auth import cookie_name

pytestmark = pytest.mark.skipif(not is_built(), reason="the front end is not built: run `python -m webapp.assets`")


@pytest.fixture
def demo(app: App, tmp_path: Path) -> App:
    settings = app.settings.model_copy(update={"demo": True, "base_url": "http://localhost"})
    demo = replace(app, settings=settings, clock=ShiftedClock(tmp_path / "clock"))
    with demo.db.write() as session:
        make.store(session)
    return demo


@pytest.fixture
def flask(demo: App) -> Iterator[Flask]:
    flask = open_pages(demo)
    yield flask
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


def visit(app: App, flask: Flask, role: str) -> FlaskClient:
    """Somebody of a role, logged in."""
    now = wall_time(app)
    with app.db.write() as session:
        token = start_session(session, create_admin(session, f"{role}@example.com", now, role=role), now)
    client = flask.test_client()
    client.set_cookie(cookie_name(app), token)
    return client


@pytest.fixture
def owner(demo: App, flask: Flask) -> FlaskClient:
    return visit(demo, flask, "owner")


def press(client: FlaskClient, path: str, **form: object) -> TestResponse:
    """Post as the page's own script would."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get("/").text)
    assert found is not None
    return client.post(path, data=form, headers={"X-CSRFToken": found[1], "HX-Request": "true"})


def test_the_clock_stands_above_every_page_of_the_demo(owner: FlaskClient) -> None:
    page = owner.get("/").text
    assert 'id="demo-clock"' in page
    assert page.count('name="hours"') == 3


def test_asking_for_an_hour_leaves_a_job_for_the_worker(demo: App, owner: FlaskClient) -> None:
    answer = press(owner, "/clock/forward", hours=1)
    assert "turning" in answer.text
    with demo.db.read() as session:
        assert session.scalars(select(Job.arguments)).one()["hours"] == 1
    again = press(owner, "/clock/forward", hours=24)
    assert "already" in again.headers["HX-Trigger"]


@pytest.mark.parametrize("hours", ["", "-1", "x", "1e9", "nan"])
def test_hours_that_make_no_sense_are_refused_in_words(demo: App, owner: FlaskClient, hours: str) -> None:
    answer = press(owner, "/clock/forward", hours=hours)
    assert answer.status_code == 200
    assert "days at a time" in answer.headers["HX-Trigger"]
    with demo.db.read() as session:
        assert session.scalars(select(Job)).all() == []


def test_when_the_turn_is_over_the_page_loads_anew(demo: App, owner: FlaskClient) -> None:
    press(owner, "/clock/forward", hours=1)
    assert "HX-Refresh" not in owner.get("/clock?was=running").headers
    fast_forward.go(demo, lambda _a, _b: None, lambda: None, lambda: False)
    assert owner.get("/clock?was=running").headers["HX-Refresh"] == "true"
    assert 'name="hours"' in owner.get("/clock").text


def test_the_shoppers_can_be_sent_home_and_let_in_again(demo: App, owner: FlaskClient) -> None:
    assert "Let the shoppers in again" in press(owner, "/clock/shoppers").text
    assert switch.is_paused(demo.settings)
    assert "Send the shoppers home" in press(owner, "/clock/shoppers").text
    assert not switch.is_paused(demo.settings)


def test_who_may_only_look_sees_the_clock_but_cannot_turn_it(demo: App, flask: Flask) -> None:
    viewer = visit(demo, flask, "viewer")
    page = viewer.get("/").text
    assert 'id="demo-clock"' in page
    assert 'name="hours"' not in page
    assert press(viewer, "/clock/forward", hours=1).status_code == 403


def test_strangers_are_sent_to_log_in(flask: Flask) -> None:
    assert flask.test_client().get("/clock").status_code in (302, 303, 401)


def test_outside_the_demo_there_is_no_clock_to_turn(app: App) -> None:
    plain = replace(app, settings=app.settings.model_copy(update={"base_url": "http://localhost"}))
    with plain.db.write() as session:
        make.store(session)
    flask = open_pages(plain)
    client = visit(plain, flask, "owner")
    assert 'id="demo-clock"' not in client.get("/").text
    assert "demo" in press(client, "/clock/forward", hours=1).headers["HX-Trigger"]
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()
