from __future__ import annotations

from automation.actions import mail_desk
from automation.app import App
from automation.models import Store
from tests.conftest import NOW
from tests.webapp import scene
from webapp.queries import templates as queries


def test_a_mail_is_listed_with_its_campaigns_and_versions(app: App) -> None:
    shop = scene.build(app)
    with app.db.write() as session:
        store = session.get_one(Store, shop.store_id)
        made = mail_desk.create(app, session, store, "Spring", "", NOW)
        rows = {row.name: row for row in queries.templates(session, store.id, are_archived=False)}
        assert [(u.name, u.state) for u in rows["cart_reminder_2"].uses] == [("Cart reminder", "live")]
        assert [(u.public_id, u.state) for u in rows["newsletter"].uses] == [(shop.draft, "draft")]
        assert (rows["spring"].uses, rows["spring"].number, rows["spring"].subject) == ([], 1, "News from ‹store name›")
        mail_desk.set_archived(session, made, NOW, is_archived=True)
        session.flush()
        assert [row.name for row in queries.templates(session, store.id, are_archived=True)] == ["spring"]
        assert [(v.number, v.by) for v in queries.versions(session, made.id)] == [(1, "")]
