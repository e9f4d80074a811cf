"""The pages of files: upload, what the columns mean, a look first, in it goes; and out."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from automation.app import App
from automation.importing import files
from automation.models import AuditEntry, Customer, Import
from automation.stages.load import load
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor, logged_in

PEOPLE = "email,nick,consent\nada@example.com,<b>Ada</b>,yes\nnobody,Bob,no\n"


def upload(
    visitor: Visitor, content: str | bytes = PEOPLE, name: str = "people.csv", kind: str = "customers"
) -> TestResponse:
    body = content.encode() if isinstance(content, str) else content
    return visitor.post("/imports/", {"kind": kind, "file": (io.BytesIO(body), name)})


def work(app: App) -> None:
    while load(app, NOW, 10_000):
        pass


def the_import(app: App) -> Import:
    with app.db.read() as session:
        return session.scalars(select(Import)).one()


def test_from_the_upload_to_the_list_of_refused_rows(app: App, owner: Visitor) -> None:
    assert "No file yet" in owner.get("/imports/").text
    answer = upload(owner)
    assert answer.status_code == 303
    page = owner.get(answer.location)
    assert page.status_code == 200
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text
    assert "Not a mail address" in page.text
    typed = {
        "column-0": "email",
        "column-1": "first_name",
        "column-2": "consent",
        "topic": "marketing",
        "consent": "as_told",
        "dates": "iso",
        "evidence": "Fair",
        "save_as": "Old tool",
    }
    assert owner.post(f"{answer.location}/mapping", typed).status_code == 303
    assert owner.post(f"{answer.location}/check", {}).status_code == 303
    work(app)
    assert "2 rows" in owner.get(answer.location).text
    assert owner.post(f"{answer.location}/start", {}).status_code == 303
    assert "hx-trigger" in owner.get(answer.location).text
    work(app)
    assert "Finished" in owner.get(answer.location, headers={"HX-Request": "true"}).text
    with app.db.read() as session:
        assert session.scalars(select(Customer.first_name)).all() == ["<b>Ada</b>"]
    refused = owner.get(f"{answer.location}/refused.csv")
    assert refused.text.splitlines()[0] == "line,column,value,reason"
    assert refused.text.splitlines()[1].startswith("3,email,nobody,")
    assert owner.post(f"{answer.location}/discard", {}).status_code == 303
    assert owner.get(answer.location).status_code == 404


def test_a_wrong_mapping_is_shown_as_it_was_typed_and_changes_nothing(app: App, owner: Visitor) -> None:
    place = upload(owner).location
    before = the_import(app).mapping
    answer = owner.post(
        f"{place}/mapping", {"column-0": "email", "column-1": "email", "topic": "marketing", "evidence": "My fair"}
    )
    assert answer.status_code == 422
    assert "both mean email" in answer.text
    assert "My fair" in answer.text
    assert the_import(app).mapping == before
    early = owner.post(f"{place}/stop", {})
    assert early.status_code == 422


@pytest.mark.parametrize(
    ("content", "says"), [("", "empty"), (b"PK\x03\x04junk", "damaged"), (b"\xd0\xcf\x11\xe0old", "old Excel")]
)
def test_what_cannot_be_read_is_said_at_the_form(app: App, owner: Visitor, content: Any, says: str) -> None:
    answer = upload(owner, content)
    assert answer.status_code == 422
    assert says in answer.text
    with app.db.read() as session:
        assert session.scalars(select(Import)).all() == []


def large(visitor: Visitor) -> int:
    """The answer to nine megabytes, built by hand: the client would leave a file of its own open."""
    parts = {"csrf_token": visitor.token(), "kind": "customers"}
    head = "".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items())
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail\n'
    body = f"{head}{file}{'x' * 9 * 2**20}\r\n--b--\r\n".encode()
    headers = {"Referer": "https://mail.example.com/"}
    return visitor.client.post(
        "/imports/",
        data=body,
        content_type="multipart/form-data; boundary=b",
        base_url="https://mail.example.com",
        headers=headers,
    ).status_code


def test_only_who_may_manage_has_room_for_a_large_file(site: Flask, app: App, owner: Visitor) -> None:
    assert large(logged_in(site, app, "viewer")) in (403, 413)
    assert large(owner) == 303
    place = f"/imports/{the_import(app).public_id}"
    assert "Line 2 is longer than" in owner.get(place).text
    assert files.MOST < 2**30, "the web server takes no more"


def test_a_viewer_sees_files_and_changes_nothing(site: Flask, app: App, owner: Visitor) -> None:
    place = upload(owner).location
    viewer = logged_in(site, app, "viewer")
    assert viewer.get(place).status_code == 200
    for path in (f"{place}/start", f"{place}/mapping", "/imports/"):
        assert viewer.post(path, {}).status_code == 403
    for path in ("/imports/export/customers.csv", f"{place}/refused.csv"):
        assert viewer.get(path).status_code == 403


def test_everything_is_written_out_and_that_is_written_down(app: App, owner: Visitor, store: Any) -> None:
    with app.db.write() as session:
        make.customer(session, store)
    for name in re.findall(r"/imports/export/([a-z_]+\.(?:csv|jsonl))", owner.get("/imports/").text):
        answer = owner.get(f"/imports/export/{name}")
        assert answer.status_code == 200
        assert "attachment" in answer.headers["Content-Disposition"]
    assert "ada@example.com" in owner.get("/imports/export/customers.csv").text
    assert owner.get("/imports/export/admins.csv").status_code == 404
    with app.db.read() as session:
        assert "data.exported" in session.scalars(select(AuditEntry.action)).all()
