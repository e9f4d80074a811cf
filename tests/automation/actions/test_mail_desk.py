from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import mail_desk
from automation.actions.mail_desk import Brand
from automation.actions.templates import source_of
from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.models import SavedBlock, Store, Template, TemplateVersion
from automation.rendering.includes import resolve
from automation.rendering.mail import MailSource
from tests import make
from tests.conftest import NOW

LATER = NOW + timedelta(minutes=5)


def made(app: App, session: Session, title: str = "Spring news", start: str = "") -> Template:
    store = session.get(Store, 1) or make.store(session)
    return mail_desk.create(app, session, store, title, start, NOW)


def source(session: Session, template: Template) -> MailSource:
    return mail_desk.source_to_edit(mail_desk.latest(session, template))


def test_a_mail_begins_with_a_copy_of_a_shipped_one(app: App) -> None:
    shipped = source_of("welcome")
    with app.db.write() as session:
        row = made(app, session, start="welcome")
        version = mail_desk.latest(session, row)
        assert (version.subject, version.mjml) == (shipped.subject, resolve(shipped.mjml, shipped.includes))
        assert row.name == "spring_news"


def test_names_are_never_taken_twice_nor_from_a_shipped_mail(app: App) -> None:
    with app.db.write() as session:
        names = [made(app, session, title).name for title in ("News!", "news", "Welcome", "Ünï", "★")]
    assert names == ["news", "news_2", "welcome_2", "n", "mail"]


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_mail_needs_a_name(app: App, title: str) -> None:
    with app.db.write() as session, pytest.raises(NotAllowed, match="needs a name"):
        made(app, session, title)


def test_saving_makes_a_version_only_of_a_change(app: App) -> None:
    with app.db.write() as session:
        row = made(app, session)
        now = source(session, row)
        assert mail_desk.save(app, session, row, now, 1, LATER, None).number == 1
        assert mail_desk.save(app, session, row, replace(now, subject="Other"), 1, LATER, None).number == 2
        with pytest.raises(NotAllowed, match="saved version 2 meanwhile"):
            mail_desk.save(app, session, row, replace(now, subject="Third"), 1, LATER, None)
        with pytest.raises(TemplateBroken):
            mail_desk.save(app, session, row, replace(now, mjml="<mjml>"), 2, LATER, None)
        assert mail_desk.latest(session, row).subject == "Other"


def test_ends_of_lines_that_a_browser_turned_are_no_change(app: App) -> None:
    with app.db.write() as session:
        row = made(app, session)
        typed = source(session, row)
        windows = replace(typed, mjml=typed.mjml.replace("Write something", "Write\r\nsomething"))
        assert mail_desk.save(app, session, row, windows, 1, NOW, None).number == 2
        turned = replace(windows, mjml=windows.mjml.replace("\r\n", "\n"))
        assert mail_desk.save(app, session, row, turned, 2, NOW, None).mjml == windows.mjml


def test_an_older_version_comes_back_as_a_new_one(app: App) -> None:
    with app.db.write() as session:
        row = made(app, session)
        first = source(session, row)
        mail_desk.save(app, session, row, replace(first, subject="Second"), 1, LATER, None)
        assert mail_desk.restore(app, session, row, 1, LATER).number == 3
        assert source(session, row).subject == first.subject
        numbers = session.scalars(select(TemplateVersion.number).where(TemplateVersion.template_id == row.id)).all()
        assert sorted(numbers) == [1, 2, 3]
        with pytest.raises(NotAllowed, match="no such version"):
            mail_desk.restore(app, session, row, 9, LATER)


def test_a_copy_is_a_mail_of_its_own(app: App) -> None:
    with app.db.write() as session:
        row = made(app, session)
        copy = mail_desk.duplicate(app, session, row, LATER)
        assert (copy.title, copy.name) == ("Spring news (copy)", "spring_news_copy")
        assert source(session, copy) == source(session, row)
        mail_desk.save(app, session, copy, replace(source(session, copy), subject="Other"), 1, LATER, None)
        assert source(session, row).subject != "Other"


def test_a_mail_is_put_away_and_taken_back(app: App) -> None:
    with app.db.write() as session:
        row = made(app, session)
        mail_desk.set_archived(session, row, LATER, is_archived=True)
        assert row.archived_at == LATER
        mail_desk.set_archived(session, row, LATER, is_archived=False)
        assert row.archived_at is None


def test_the_mails_of_a_flow_are_found_in_its_branches() -> None:
    def mail(name: str) -> dict[str, object]:
        return {"id": name, "kind": "mail", "settings": {"template": name}}

    flow = [mail("a"), {"id": "b", "kind": "branch", "settings": {}, "branches": {"yes": [mail("c")], "no": []}}]
    assert sorted(mail_desk.used_by({"flow": flow})) == ["a", "c"]
    assert list(mail_desk.used_by({})) == []


def test_a_kept_block_is_replaced_by_one_of_its_name(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for text in ("a", "b"):
            mail_desk.keep_block(session, store.id, "Greeting", f"<mj-text>{text}</mj-text>", NOW)
        row = session.scalars(select(SavedBlock)).one()
        assert row.mjml == "<mj-text>b</mj-text>"
        for wrong in ("words", "<mj-text>"):
            with pytest.raises((NotAllowed, TemplateBroken)):
                mail_desk.keep_block(session, store.id, "Wrong", wrong, NOW)
        mail_desk.forget_block(session, row, NOW)
        session.flush()
        assert session.scalars(select(SavedBlock)).all() == []


def test_the_brand_keeps_what_it_does_not_know(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        store.brand = {"accent": "#111111", "font": "Futura", "other": "kept"}
        mail_desk.save_brand(session, store.id, Brand(accent="#123456"), NOW)
        assert store.brand == {"accent": "#123456", "other": "kept"}
    with pytest.raises(ValueError, match="pattern"):
        Brand(font='x";}</style>')
