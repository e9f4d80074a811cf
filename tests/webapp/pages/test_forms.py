from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Form, FormVersion, Store
from automation.signup.definition import FormDefinition
from automation.signup.submitting import MAIL
from automation.storefront import storefront_of
from tests import make
from tests.webapp.visitors import Visitor, logged_in

# The same rows on both databases are tested in tests/automation/signup; these are about the pages.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _form(app: App) -> Form:
    with app.db.read() as session:
        found = session.scalars(select(Form)).one()
        session.expunge_all()
    return found


def _typed(**values: Any) -> dict[str, Any]:
    kept = FormDefinition().model_dump(mode="json")
    given = {name: "on" if value is True else value for name, value in kept.items() if value is not False}
    return {"name": "In the footer", **given, **values}


@pytest.fixture
def path(owner: Visitor, app: App, store: Store) -> str:
    """Of a form that the owner has just made."""
    with app.db.write() as session:
        make.edited_template(session, store, MAIL)
    answer = owner.post("/forms/", {"name": "In the footer", "language": "en"})
    assert answer.status_code == 303
    return f"/forms/{_form(app).public_id}"


def test_without_a_form_the_page_says_what_to_do_next(owner: Visitor, store: Store) -> None:
    assert "Make the first one" in owner.get("/forms/").text


def test_a_form_is_made_opened_and_listed(owner: Visitor, app: App, path: str) -> None:
    page = owner.get(path).text
    assert 'aria-current="page"' in page
    assert "Wren &amp; Thistle" in page
    assert f"https://mail.example.com/f/{_form(app).public_id}" in page
    assert owner.post(f"{path}/state", {"state": "live"}).status_code == 303
    assert _form(app).state == "live"
    listed = owner.get("/forms/").text
    assert "In the footer" in listed
    assert "Live" in listed


def test_a_change_becomes_a_version_and_the_preview_shows_it_before(owner: Visitor, app: App, path: str) -> None:
    fragment = owner.post(f"{path}/preview", _typed(title="Hear from us <b>", birthday="optional"))
    assert "Hear from us &lt;b&gt;" in fragment.text
    assert "Birthday" in fragment.text
    assert "Write one topic a line" in owner.post(f"{path}/preview", _typed(topics="")).text
    assert owner.post(path, _typed(title="Hear from us")).status_code == 303
    with app.db.read() as session:
        numbers = session.scalars(select(FormVersion.number)).all()
    assert numbers == [1, 2]


WRONG = (
    ({"topics": "nonsense"}, "is no topic"),
    ({"offer": "nope"}, "There is no offer called"),
    ({"redirect_url": "javascript:alert(1)"}, "pattern"),
    ({"name": ""}, "This is needed."),
    ({"popup_pages": "products"}, "begins with a slash"),
)


def test_what_is_wrong_is_said_and_what_was_typed_stays(owner: Visitor, path: str) -> None:
    for wrong, said in WRONG:
        answer = owner.post(path, _typed(title="Typed anew", **wrong))
        assert answer.status_code == 422
        assert said in answer.text
        assert "Typed anew" in answer.text


def test_a_viewer_sees_and_an_editor_opens_nothing(site: Flask, app: App, path: str) -> None:
    viewer, editor = logged_in(site, app, "viewer"), logged_in(site, app, "editor")
    assert viewer.get(path).status_code == 200
    assert viewer.post(path, _typed()).status_code == 403
    assert editor.post(f"{path}/state", {"state": "live"}).status_code == 403


def test_a_form_cannot_open_before_the_store_can_mail(owner: Visitor, app: App, path: str) -> None:
    with app.db.write() as session:
        session.scalars(select(Store)).one().postal_address = ""
    owner.post(f"{path}/state", {"state": "live"})
    assert _form(app).state == "draft"


def test_the_storefronts_addresses_are_kept_and_checked(owner: Visitor, app: App, store: Store) -> None:
    assert f"/s/{store.public_id}.js" in owner.get("/forms/storefront").text
    assert owner.post("/forms/storefront", {"origins": "wren.example.com/shop"}).status_code == 422
    assert owner.post("/forms/storefront", {"origins": "https://Wren.example.com/", "tells": "on"}).status_code == 303
    with app.db.read() as session:
        kept = storefront_of(session.scalars(select(Store)).one())
    assert (kept.origin_list, kept.tells, kept.tells_carts) == (["https://wren.example.com"], True, False)
