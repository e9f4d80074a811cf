"""A form counts only with the token of the very visitor who sends it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from automation.app import App
from automation.models import Admin, Record, Store
from tests.webapp.test_permissions import guarded
from tests.webapp.visitors import SITE, Visitor, logged_in


def rows(app: App) -> dict[str, int]:
    """How many rows each table has, and which revision the admins are at."""
    with app.db.read() as session:
        tables = Record.metadata.sorted_tables
        counts = {t.name: session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}
        return {**counts, "passwords": len([p for p in session.scalars(select(Admin.password_hash)) if p])}


@pytest.fixture
def another(site: Flask, app: App, store: Store) -> Visitor:
    """The same owner on another device."""
    return logged_in(site, app, "owner")


@pytest.mark.parametrize("kind", ["missing", "empty", "made up", "of another session"])
def test_no_unsafe_route_does_anything_without_its_visitors_token(
    site: Flask, app: App, owner: Visitor, another: Visitor, kind: str
) -> None:
    owner.token("/account")
    token = {"missing": None, "empty": "", "made up": "IjEi.Z.x", "of another session": another.token("/account")}[kind]
    before = rows(app)
    for _, method, path in guarded(site):
        if method == "GET":
            continue
        data = {} if token is None else {"csrf_token": token}
        answer = owner.client.open(path, method=method, base_url=SITE, data=data, headers={"Referer": f"{SITE}/"})
        assert answer.status_code == 400, path
    assert rows(app) == before


def test_the_log_in_needs_a_token_too(stranger: Visitor) -> None:
    answer = stranger.client.post("/login", base_url=SITE, data={"email": "a@example.com"}, headers={"Referer": SITE})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text


def test_a_form_from_another_site_is_refused_even_with_the_right_token(owner: Visitor) -> None:
    for site in ("cross-site", "same-site"):
        answer = owner.post("/logout", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 400
    assert owner.get("/account").status_code == 200


def test_a_form_without_a_referrer_of_ours_is_refused(owner: Visitor) -> None:
    answer = owner.post("/logout", headers={"Referer": "https://evil.example/"})
    assert answer.status_code == 400
