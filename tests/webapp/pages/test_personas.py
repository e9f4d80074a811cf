"""Personas as people make, read and remove them."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Persona, Segment, Store
from tests.automation.insights.value.shops import fill, segment, settle
from tests.webapp.visitors import Visitor, logged_in


@pytest.fixture
def sold(app: App, store: Store) -> None:
    with app.db.write() as session:
        fill(session, store, 120)
    settle(app)


@pytest.mark.usefixtures("sold")
def test_a_proposal_becomes_a_persona_with_a_portrait(app: App, owner: Visitor) -> None:
    assert "See proposals" in owner.get("/personas/").text
    page = owner.get("/personas/proposals").text
    rule = html.unescape(re.findall(r'name="rule" value="([^"]+)"', page)[1])
    assert "The rule finds" in page

    refused = owner.post("/personas/proposals", {"number": "1", "rule": rule, "p1-name": "", "p1-story": "Typed"})
    assert refused.status_code == 422
    assert "Typed" in refused.text

    typed = {"number": "1", "rule": rule, "p1-name": "Anna", "p1-colour": "green", "p1-story": "Comes back."}
    kept = owner.post("/personas/proposals", typed)
    assert kept.status_code == 303
    with app.db.read() as session:
        found = session.scalars(select(Segment).where(Segment.name == "Anna")).one()
    assert found.rule["all"]
    assert "is being worked out" in owner.get(kept.location).text
    settle(app)
    portrait = owner.get(kept.location).text
    for words in ("Comes back.", "May be mailed", "On which days they buy", "Which groups", "search"):
        assert words in portrait, words
    rows = owner.get(f"{kept.location}/countries.csv").text.splitlines()
    assert rows[0] == "name,count,share"
    assert {row.split(",")[0] for row in rows[1:]} == {"DE", "AT"}
    assert owner.post("/personas/proposals", typed).status_code == 422  # the name is taken


def test_a_segment_gets_a_face_which_is_changed_and_removed(app: App, store: Store, owner: Visitor) -> None:
    with app.db.write() as session:
        row = segment(session, store, {"field": "country", "is": "is", "value": "DE"}, "Germans")
    assert "Germans" in owner.get("/personas/new").text
    wrong = owner.post("/personas/new", {"name": "Karl", "segment": "99", "story": "Typed"})
    assert wrong.status_code == 422
    assert "no such segment" in wrong.text
    assert "Typed" in wrong.text
    made = owner.post("/personas/new", {"name": "Karl", "segment": str(row.id), "colour": "red"})
    assert made.status_code == 303
    assert owner.post(f"{made.location}/edit", {"name": "", "story": "x"}).status_code == 422
    assert owner.post(f"{made.location}/edit", {"name": "Karl K", "colour": "blue", "goals": "Rest"}).status_code == 303
    page = owner.get(made.location).text
    assert "Rest" in page
    assert "their country is “DE”" in html.unescape(page)
    assert owner.post(f"{made.location}/portray").status_code == 303
    assert owner.post(f"{made.location}/remove").status_code == 303
    with app.db.read() as session:
        assert session.scalars(select(Persona)).all() == []
        assert session.get(Segment, row.id) is not None


def test_who_may_only_look_changes_nothing(app: App, site: Flask, store: Store) -> None:
    with app.db.write() as session:
        row = segment(session, store, {"field": "country", "is": "is", "value": "DE"})
    viewer = logged_in(site, app, "viewer")
    assert viewer.get("/personas/").status_code == viewer.get("/personas/proposals").status_code == 200
    assert viewer.get("/personas/new").status_code == 403
    assert viewer.post("/personas/new", {"name": "X", "segment": str(row.id)}).status_code == 403
    assert viewer.get("/values/rfm").status_code == viewer.get("/values/lead").status_code == 200
    assert viewer.post("/values/", {"horizon_days": "90"}).status_code == 403
    with app.db.read() as session:
        assert session.scalars(select(Persona)).all() == []
