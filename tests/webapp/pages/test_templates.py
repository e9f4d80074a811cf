from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.actions.templates import install
from automation.app import App
from automation.models import Connection, Message, Store, Template, TemplateVersion
from tests import make
from tests.conftest import NOW
from tests.webapp.pages.test_campaigns import words
from tests.webapp.scene import Scene
from tests.webapp.statements import counted
from tests.webapp.visitor import Visitor

# The same rows on both databases are tested in tests/webapp/queries and tests/automation; these are about the pages.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def path_of(app: App, name: str) -> str:
    with app.db.read() as session:
        return "/templates/" + session.scalars(select(Template.public_id).where(Template.name == name)).one()


def test_the_list_says_where_each_mail_is_used(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get("/templates/"))
    assert (
        'Cart reminder, first ‹customer first name›, your ‹cart["items"][0] title› is still here Cart reminder'
        in page.replace("&#34;", '"')
    )
    assert "Version 1" in page


def test_without_mails_the_page_says_what_to_do_next(app: App, keeper: Visitor, onlooker: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    assert 'href="/templates/new"' in keeper.get("/templates/")
    assert "An editor can make one" in onlooker.get("/templates/")
    assert "Nothing is archived" in keeper.get("/templates/?show=archived")


def test_a_mail_is_made_from_a_shipped_one_and_opens_in_the_editor(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    answer = keeper.post("/templates/", title="Spring", start="welcome")
    assert answer.status_code == 303
    assert answer.location == path_of(app, "spring") + "/edit"
    assert "Good to have you here." in keeper.get(answer.location)


def test_a_mail_without_a_name_is_asked_for_one_and_the_choice_stays(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    answer = keeper.post("/templates/", title=" ", start="birthday")
    assert answer.status_code == 422
    assert '<option value="birthday" selected>' in answer.text


def test_a_mail_shows_itself_where_it_is_used_and_its_versions(app: App, keeper: Visitor, shop: Scene) -> None:
    path = path_of(app, "cart_reminder_1")
    html = keeper.get(path)
    assert f'href="/campaigns/{shop.live}"' in html
    assert f'src="{path}/body?version=1" sandbox="allow-same-origin"' in html
    assert "Hanging heart" in keeper.get(f"{path}?view=text")
    body = keeper.ask(f"{path}/body?version=1")
    assert "script-src 'none'" in body.headers["Content-Security-Policy"]
    assert "Your cart is just as you left it" in body.text
    assert "cw-b" not in body.text
    assert keeper.ask(f"{path}/body?version=9").status_code == 404


def test_versions_show_what_changed_and_come_back(app: App, keeper: Visitor, shop: Scene) -> None:
    path = path_of(app, "newsletter")
    with app.db.read() as session:
        first = session.scalars(
            select(TemplateVersion)
            .join(Template, Template.id == TemplateVersion.template_id)
            .where(Template.name == "newsletter")
        ).one()
    keeper.post(f"{path}/save", base=1, subject="Other <news>", mjml=first.mjml)
    page = words(keeper.get(path))
    assert "What version 2 changed" in page
    assert "Added: Subject: Other &lt;news&gt;" in page
    assert keeper.post(f"{path}/restore/1").status_code == 303
    with app.db.read() as session:
        newest = session.scalars(select(TemplateVersion).order_by(TemplateVersion.id.desc()).limit(1)).one()
    assert (newest.number, newest.subject, newest.mjml) == (3, first.subject, first.mjml)


def test_mails_are_copied_renamed_put_away_and_taken_back(app: App, keeper: Visitor, shop: Scene) -> None:
    path = path_of(app, "newsletter")
    keeper.post(f"{path}/do/duplicate")
    assert "Newsletter (copy)" in keeper.get("/templates/")
    keeper.post(f"{path}/rename", title="Weekly letter")
    keeper.post(f"{path}/do/archive")
    assert "Weekly letter" not in keeper.get("/templates/").partition("Mails by name")[2].partition("</main>")[0]
    assert "Weekly letter" in keeper.get("/templates/?show=archived")
    keeper.post(f"{path}/do/unarchive")
    assert "Weekly letter" in keeper.get("/templates/")
    assert keeper.post(f"{path}/do/burn").status_code == 404


def test_a_test_mail_goes_to_the_admins_own_address(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        session.scalars(select(Connection)).one().is_default = True
    keeper.post(path_of(app, "newsletter") + "/test-mail", back="editor")
    with app.db.read() as session:
        row = session.scalars(select(Message).where(Message.is_test)).one()
    assert row.state == "ready"


def test_the_brand_is_stored_and_one_that_cannot_be_read_is_not(app: App, keeper: Visitor, shop: Scene) -> None:
    assert keeper.post("/templates/brand", accent="#123456", accent_text="#ffffff").status_code == 303
    wrong = keeper.post("/templates/brand", accent="#ffff00", accent_text="#ffffff", font="Futura")
    assert wrong.status_code == 422
    assert "hard to read" in wrong.text
    assert 'value="Futura"' in wrong.text
    assert keeper.post("/templates/brand", accent="red").status_code == 422
    with app.db.read() as session:
        assert session.scalars(select(Store)).one().brand == {"accent": "#123456", "accent_text": "#ffffff"}


def test_another_stores_mail_is_not_there(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        theirs = install(app, session, make.store(session, name="Other"), NOW, only=["welcome"])["welcome"].public_id
    for path in ("", "/edit", "/body"):
        assert keeper.ask(f"/templates/{theirs}{path}").status_code == 404
    for path in ("/save", "/look", "/change", "/keep", "/restore/1", "/do/archive", "/rename", "/test-mail"):
        assert keeper.post(f"/templates/{theirs}{path}", mjml="<mjml><mj-body></mj-body></mjml>").status_code == 404, (
            path
        )


def test_a_viewer_looks_and_changes_nothing(app: App, onlooker: Visitor, shop: Scene) -> None:
    path = path_of(app, "newsletter")
    assert "Edit" not in words(onlooker.get(path)).partition("Newsletter")[2].split()
    assert onlooker.ask(f"{path}/edit").status_code == 403
    for what in ("save", "look", "change", "inspect", "keep", "do/archive", "rename", "restore/1"):
        assert onlooker.post(f"{path}/{what}").status_code == 403, what
    assert onlooker.post("/templates/brand", accent="#123456").status_code == 403


def test_the_pages_take_a_fixed_number_of_statements(app: App, keeper: Visitor, shop: Scene) -> None:
    path = path_of(app, "newsletter")
    for page in ("/templates/", path, f"{path}/edit"):
        keeper.get(page)
        with counted(app) as statements:
            keeper.get(page)
        assert len(statements) <= 12 + 4, "\n".join(statements)
