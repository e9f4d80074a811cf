"""The journey map's pages, and its links for others."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from automation.actions import segments
from automation.app import App
from automation.insights.journey import moving, ready
from automation.models import Cursor, JourneyShare, JourneyStage, Store, Touchpoint
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


@pytest.fixture
def laid(app: App, store: Store) -> None:
    with app.db.write() as session:
        ready.begin(session, store, NOW)
        ada = make.customer(session, store, created_at=NOW)
        make.order(session, store, ada, NOW, "o1")
        moving.place(session, store.id, [ada.id], NOW)


def test_a_store_without_a_map_is_offered_one(owner: Visitor) -> None:
    assert "Lay out the map" in owner.get("/journey/").text
    owner.post("/journey/begin")
    page = owner.get("/journey/").text
    for words in ("Awareness", "Loyalty", "Product pages", "Who belongs in which stage"):
        assert words in page


@pytest.mark.usefixtures("laid")
def test_the_map_shows_stages_touchpoints_and_what_it_does_not_understand(owner: Visitor) -> None:
    assert owner.get("/journey/?period=7d&against=year").status_code == 200
    assert owner.get("/journey/?period=soon").status_code == 422


@pytest.mark.usefixtures("laid")
def test_a_stage_is_changed_and_everybody_is_looked_at_again(app: App, owner: Visitor) -> None:
    with app.db.write() as session:
        stage = session.scalars(select(JourneyStage).where(JourneyStage.code == "loyalty")).one()
        session.add(Cursor(name=f"journey:round:{stage.store_id}", position=0, at=NOW))
        stage_id = stage.id
        before = stage.rule
        five = {"event": "order.placed", "is": "at_least", "value": 5}
        segment = segments.save(session, stage.store_id, None, name="Five orders", description="", rule=five, now=NOW)
        number = segment.id
    page = owner.get(f"/journey/stages/{stage_id}").text
    assert "As it is:" in page
    assert (
        owner.post(f"/journey/stages/{stage_id}", {"name": "Fans", "position": "5", "rule": "kept"}).status_code == 303
    )
    with app.db.write() as session:
        assert session.get_one(JourneyStage, stage_id).rule == before
        session.add(
            Cursor(name=f"journey:round:{session.get_one(JourneyStage, stage_id).store_id}", position=0, at=NOW)
        )
    typed = {"name": "Friends", "position": "1", "rule": str(number)}
    assert owner.post(f"/journey/stages/{stage_id}", typed).status_code == 303
    with app.db.read() as session:
        stages = moving.stages_of(session, session.get_one(JourneyStage, stage_id).store_id)
        assert [s.name for s in stages][:2] == ["Friends", "Awareness"]
        assert [s.position for s in stages] == [1, 2, 3, 4, 5]
        assert session.get(Cursor, f"journey:round:{stages[0].store_id}") is None
    assert "Stage: rule" in owner.get(f"/segments/{number}").text
    for rule, words in (("", "This is needed"), ("{", "Choose a segment"), ("99", "segment")):
        answer = owner.post(f"/journey/stages/{stage_id}", {**typed, "rule": rule})
        assert answer.status_code == 422
        assert words in answer.text
    assert owner.post(f"/journey/stages/{stage_id}/remove").status_code == 303
    assert "Put back on the map" in owner.get(f"/journey/stages/{stage_id}").text
    assert "Friends" not in owner.get("/journey/").text
    owner.post(f"/journey/stages/{stage_id}/back")
    assert "Friends" in owner.get("/journey/").text


@pytest.mark.usefixtures("laid")
def test_a_touchpoint_is_added_changed_and_taken_away(app: App, owner: Visitor) -> None:
    with app.db.read() as session:
        stage_id = session.scalars(select(JourneyStage.id).where(JourneyStage.code == "loyalty")).one()
    typed = {"stage_id": str(stage_id), "name": "Craft fair", "kind": "offline", "importance": "3", "feeling": "2"}
    refused = owner.post("/journey/touchpoints/new", {**typed, "event": "Fair!"})
    assert refused.status_code == 422
    assert "Say what counts it" in refused.text
    assert "Craft fair" in refused.text
    assert owner.post("/journey/touchpoints/new", {**typed, "event": "fair.visited", "feeling": "3"}).status_code == 422
    assert owner.post("/journey/touchpoints/new", {**typed, "event": "fair.visited"}).status_code == 303
    with app.db.read() as session:
        row = session.scalars(select(Touchpoint).where(Touchpoint.name == "Craft fair")).one()
        assert (row.event, row.feeling) == ("fair.visited", 2)
    assert "Craft fair" in owner.get("/journey/").text
    changed = {f"t{row.id}-{name}": value for name, value in typed.items() if name != "stage_id"}
    changed |= {"stage_id": str(stage_id), f"t{row.id}-event": "fair.visited", f"t{row.id}-pains": "No card reader"}
    assert owner.post(f"/journey/touchpoints/{row.id}", changed).status_code == 303
    assert "No card reader" in owner.get("/journey/").text
    owner.post(f"/journey/touchpoints/{row.id}/remove")
    assert "Craft fair is off the map." in owner.get("/journey/").text
    assert "Craft fair" not in owner.get("/journey/").text


@pytest.mark.usefixtures("laid")
def test_a_link_shows_the_map_and_nobody_until_it_is_revoked(app: App, owner: Visitor, site: Flask) -> None:
    owner.post("/journey/shares", {"name": "Our agency"})
    page = owner.get("/journey/").text
    token = re.search(r"/j/([\w-]+)", page)
    assert token
    stranger = site.test_client()
    answer = stranger.get(f"/j/{token[1]}")
    assert answer.status_code == 200
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "Product pages" in answer.text
    for secret in ("Ada", "ada@", "/customers/", "script"):
        assert secret not in answer.text
    assert token[1] not in owner.get("/journey/").text
    with app.db.read() as session:
        row = session.scalars(select(JourneyShare)).one()
        assert token[1] != row.token_hash
    assert {stranger.get(f"/j/{token[1]}").status_code for _ in range(40)} == {200, 429}
    owner.post(f"/journey/shares/{row.id}/revoke")
    assert stranger.get(f"/j/{token[1]}").status_code == 404
    assert stranger.get("/j/guessed").status_code == 404
