import pytest
from sqlalchemy import func, select

from automation.actions.templates import built_in, install, preview, sample, save_version, source_of
from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.models import Admin, Store, Template, TemplateVersion
from automation.rendering.mail import MailSource
from tests import make
from tests.conftest import NOW


def mail(text: str) -> MailSource:
    return MailSource(
        subject="Hello {{ customer.first_name }}",
        mjml="<mjml><mj-body><mj-section><mj-column><mj-text>\n"
        f'{text} {{{{ store.postal_address }}}} <a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a>'
        "</mj-text></mj-column></mj-section></mj-body></mjml>",
    )


def versions(app: App) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).select_from(TemplateVersion)) or 0


def test_installing_twice_changes_nothing(app: App) -> None:
    for _ in range(2):
        with app.db.write() as session:
            store = session.get(Store, 1) or make.store(session)
            templates = install(app, session, store, NOW)
    assert sorted(templates) == built_in()
    assert versions(app) == len(built_in())
    assert all(t.latest_version_id for t in templates.values())


def test_a_changed_source_becomes_a_new_version_and_the_old_one_stays(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        template = install(app, session, store, NOW)["welcome"]
        first = template.latest_version_id
        second = save_version(app, session, template, mail("New words"), NOW)
        third = save_version(app, session, template, mail("New words"), NOW)
        assert second.id == third.id == template.latest_version_id != first
        assert second.number == 2
        assert session.get_one(TemplateVersion, first).number == 1


def test_installing_leaves_what_an_admin_wrote(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        admin = Admin(email="a@example.com", created_at=NOW)
        session.add(admin)
        session.flush()
        template = install(app, session, store, NOW)["welcome"]
        mine = save_version(app, session, template, mail("Mine"), NOW, admin.id)
        assert install(app, session, store, NOW)["welcome"].latest_version_id == mine.id


def test_a_broken_source_is_refused_and_nothing_is_stored(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        template = install(app, session, store, NOW)["welcome"]
        before = template.latest_version_id
        with pytest.raises(TemplateBroken, match="endif") as broken:
            save_version(app, session, template, mail("{% if x %}"), NOW)
        assert broken.value.part == "body"
        assert template.latest_version_id == before
    assert versions(app) == len(built_in())


def test_a_preview_is_rendered_by_what_renders_the_real_ones(app: App) -> None:
    found = preview(app, mail("Dear {{ customer.first_name }}"), sample("welcome"))
    assert found.subject == "Hello Ada"
    assert "Dear Ada" in found.html
    assert "Dear Ada" in found.text


def test_a_stored_version_can_be_previewed(app: App) -> None:
    with app.db.write() as session:
        template = install(app, session, make.store(session), NOW)["newsletter"]
        version = session.get_one(TemplateVersion, template.latest_version_id)
    assert "Hanging heart" in preview(app, version, sample("newsletter")).subject


def test_a_preview_tells_which_name_is_unknown(app: App) -> None:
    with pytest.raises(TemplateBroken, match="frist_name"):
        preview(app, mail("{{ customer.frist_name }}"), sample("welcome"))


def test_a_mail_of_the_stores_own_has_sample_data_too() -> None:
    assert {"cart", "customer", "products", "store"} <= sample("my_own_mail").keys()


def test_only_built_in_mails_have_a_source() -> None:
    with pytest.raises(NotAllowed):
        source_of("../../etc")


def test_links_are_stored_with_the_version(app: App) -> None:
    with app.db.write() as session:
        template = install(app, session, make.store(session), NOW)["cart_reminder_1"]
        version = session.get_one(TemplateVersion, template.latest_version_id)
        assert [link["number"] for link in version.links] == list(range(1, len(version.links) + 1))
        assert version.links[-1]["label"] == "Back to my cart"
        assert session.scalars(select(Template.name).order_by(Template.name)).all() == built_in()
