"""Segments, as an editor makes and uses them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import AuditEntry, Segment, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.test_rule_form import Fields
from tests.webapp.visitors import Visitor, logged_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
GERMANS = {
    "r.kind": "all",
    "r.0.kind": "field",
    "r.0.field": "country",
    "r.0.is": "in",
    "r.0.value": "DE",
}


def lines(owner: Visitor, **form: str) -> str:
    answer = owner.post("/segments/lines", form, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_rule_is_put_together_counted_stored_and_checked(app: App, owner: Visitor, store: Store) -> None:
    with app.db.write() as session:
        make.customer(session, store, "Ada", country="DE")
        make.customer(session, store, "Ben", country="FR")
    assert "No segments yet" in owner.get("/segments/").text
    assert "Everybody" in owner.get("/segments/new").text
    first = Fields(lines(owner, **{"r.kind": "all", "do": "add r field"})).values
    assert first["r.0.field"] == "country"
    told = lines(owner, **{**first, "r.0.value": "DE"})
    assert "their country is one of DE" in told
    assert "segments/count" in told
    count = owner.post("/segments/count", GERMANS, headers=FRAGMENT).text
    assert ">1</strong>" in count
    assert "Ada" in count
    assert "Ben" not in count
    answer = owner.post("/segments/", {**GERMANS, "name": "Germans", "description": "For the summer"})
    assert answer.status_code == 303
    page = owner.get(answer.headers["Location"] + "?customer=ben@example.com").text
    assert "is not in it" in page
    assert "is in it" in owner.get(answer.headers["Location"] + "?customer=ada@example.com").text
    assert "knows no customer" in owner.get(answer.headers["Location"] + "?customer=zoe").text
    assert "For the summer" in owner.get("/segments/").text
    with app.db.read() as session:
        assert session.scalars(select(AuditEntry.action)).all()[-1] == "segment.saved"


def test_what_was_done_can_be_undone_step_by_step(owner: Visitor, store: Store) -> None:
    first = Fields(lines(owner, **{"r.kind": "all", "do": "add r field"})).values
    second = Fields(lines(owner, **{**first, "r.0.value": "DE", "do": "add r consent"})).values
    assert second["r.1.kind"] == "consent"
    back = Fields(lines(owner, **{**second, "do": "undo"})).values
    assert (back["r.0.value"], "r.1.kind" in back) == ("DE", False)
    before_that = Fields(lines(owner, **{**back, "do": "undo"})).values
    assert before_that["r.0.value"] == ""
    assert "r.0.kind" not in Fields(lines(owner, **{**before_that, "do": "undo"})).values


def test_another_field_brings_its_own_operators(owner: Visitor, store: Store) -> None:
    fields = Fields(lines(owner, **{**GERMANS, "r.0.field": "order_total"})).values
    assert fields["r.0.is"] == "at_least"
    page = lines(owner, **{**GERMANS, "r.0.field": "order_total", "r.0.is": "more_than", "r.0.value": "49.90"})
    assert "more than 49.90 EUR" in page


def test_what_is_wrong_is_said_at_its_line_and_nothing_is_stored(app: App, owner: Visitor, store: Store) -> None:
    answer = owner.post("/segments/", {**GERMANS, "r.0.value": "", "name": "Germans"})
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.text
    assert 'value="Germans"' in answer.text
    assert owner.post("/segments/", {**GERMANS, "name": " "}).status_code == 422
    with app.db.read() as session:
        assert session.scalars(select(Segment)).all() == []


def test_a_segment_in_use_stays_and_one_cannot_ask_for_itself(app: App, owner: Visitor, store: Store) -> None:
    owner.post("/segments/", {**GERMANS, "name": "Germans"})
    with app.db.read() as session:
        number = session.scalars(select(Segment.id)).one()
    within = {"r.kind": "all", "r.0.kind": "segment", "r.0.segment": str(number)}
    owner.post("/segments/", {**within, "name": "Some of them"})
    assert owner.post("/segments/", {**within, "name": "Some of them"}).status_code == 422
    owner.post(f"/segments/{number}/remove")
    page = owner.get(f"/segments/{number}").text
    assert "is used by “Some of them”" in page
    assert owner.post(f"/segments/{number}/edit", {**within, "name": "Germans"}).status_code == 422
    with app.db.read() as session:
        other = session.scalars(select(Segment.id).where(Segment.id != number)).one()
    circle = {"r.kind": "all", "r.0.kind": "segment", "r.0.segment": str(other), "name": "Germans"}
    assert "would ask for itself" in owner.post(f"/segments/{number}/edit", circle).text
    assert owner.post(f"/segments/{number}/copy").status_code == 303
    owner.post(f"/segments/{other}/remove")
    owner.post(f"/segments/{number}/remove")
    with app.db.read() as session:
        assert session.scalars(select(Segment.name)).all() == ["Germans 2"]


def test_viewers_look_and_other_stores_segments_are_not_there(
    site: Flask, app: App, owner: Visitor, store: Store
) -> None:
    owner.post("/segments/", {**GERMANS, "name": "Germans"})
    viewer = logged_in(site, app, "viewer")
    with app.db.write() as session:
        other = Segment(
            store_id=make.store(session, name="Other").id, name="x", rule={"all": []}, created_at=NOW, updated_at=NOW
        )
        session.add(other)
        session.flush()
        number = session.scalars(select(Segment.id).where(Segment.name == "Germans")).one()
        elsewhere = other.id
    assert "Change" not in viewer.get(f"/segments/{number}").text
    assert viewer.get(f"/segments/{number}/edit").status_code == 403
    assert viewer.post("/segments/", {**GERMANS, "name": "y"}).status_code == 403
    assert owner.get(f"/segments/{elsewhere}").status_code == 404
