"""The team as an owner runs it, and the log of what was done."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Admin, AuditEntry, Store
from tests.webapp.visitors import Visitor, an_admin, logged_in
from webapp.permissions import ROLES

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def admin(app: App, email: str) -> Admin:
    with app.db.read() as session:
        return session.scalars(select(Admin).where(Admin.email == email)).one()


def test_somebody_is_invited_by_a_link_and_may_do_what_their_role_says(
    site: Flask, app: App, owner: Visitor, store: Store
) -> None:
    page = owner.post("/settings/team", {"email": "Ben@Example.com", "name": "Ben", "role": "viewer"}).text
    link = re.search(r'value="https://mail.example.com(/login/[^"]+)"', page)
    assert link is not None
    ben = Visitor(site)
    assert ben.post(unescape(link[1])).status_code == 303
    assert ben.get("/campaigns/").status_code == 200
    assert ben.get("/settings/team").status_code == 403
    number = admin(app, "ben@example.com").id
    owner.post(f"/settings/team/{number}/role", {"role": "owner"})
    assert ben.get("/settings/team").status_code == 200
    owner.post(f"/settings/team/{number}/out")
    assert ben.get("/campaigns/").status_code == 302
    assert "Shut out" in owner.get("/settings/team").text
    owner.post(f"/settings/team/{number}/in")
    assert "/login/" in owner.post(f"/settings/team/{number}/link").text
    log = owner.get("/settings/log?kind=admin").text
    for words in ("invited somebody", "changed what somebody may do", "shut somebody out", "let somebody in again"):
        assert words in log


def test_the_installation_always_has_an_owner(app: App, owner: Visitor, store: Store) -> None:
    me = admin(app, "owner@example.com").id
    owner.post(f"/settings/team/{me}/role", {"role": "viewer"})
    owner.post(f"/settings/team/{me}/out")
    assert (admin(app, "owner@example.com").role, admin(app, "owner@example.com").is_disabled) == ("owner", False)
    assert "cannot shut yourself out" in owner.get("/settings/team").text
    an_admin(app, "owner", "second@example.com")
    owner.post(f"/settings/team/{me}/role", {"role": "manager"})
    assert admin(app, "owner@example.com").role == "manager"


def test_what_is_wrong_with_an_invitation_is_said_beside_what_was_typed(owner: Visitor, store: Store) -> None:
    for email in ("nonsense", "owner@example.com"):
        answer = owner.post("/settings/team", {"email": email, "name": "X", "role": "editor"})
        assert answer.status_code == 422
        assert f'value="{email}"' in answer.text
    assert owner.post("/settings/team", {"email": "a@example.com", "role": "king"}).status_code == 422


def test_the_log_is_read_page_by_page_by_person_and_as_a_file(app: App, owner: Visitor, store: Store) -> None:
    me = admin(app, "owner@example.com").id
    with app.db.write() as session:
        for number in range(60):
            session.add(
                AuditEntry(
                    admin_id=me,
                    action="segment.saved",
                    object_id=str(number),
                    at=app.clock(),
                    detail={"name": f"=S{number}"},
                )
            )
        session.add(AuditEntry(admin_id=None, action="campaign.warned", object_id="c", at=app.clock(), detail={}))
    page = owner.get(f"/settings/log?who={me}&kind=segment").text
    assert page.count("segments: saved") == 50
    following = re.search(r'href="(/settings/log\?[^"]*after[^"]*)"', page)
    assert following is not None
    assert owner.get(unescape(following[1])).text.count("segments: saved") == 10
    assert "Cartwheel" in owner.get("/settings/log?kind=campaign").text
    sheet = owner.get("/settings/log.csv?kind=segment").text
    assert sheet.count("segment.saved") == 60
    assert "=S1" in sheet
    assert "\n=" not in sheet


@pytest.mark.parametrize("role", ["viewer", "editor", "manager"])
def test_only_owners_see_to_the_team(site: Flask, app: App, store: Store, role: str) -> None:
    visitor = logged_in(site, app, role)
    assert visitor.get("/settings/team").status_code == 403
    assert visitor.post("/settings/team/1/role", {"role": "owner"}).status_code == 403
    assert visitor.get("/settings/log").status_code == (200 if "manage" in ROLES[role] else 403)
