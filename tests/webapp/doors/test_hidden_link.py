"""The link that no reader sees, and how a visit begins: what tells programs from people and one way from another."""

from __future__ import annotations

from sqlalchemy import select

from automation.app import App
from automation.engagement import Hit, note
from automation.models import Message, MessageEvent
from automation.rendering.links import key_of, token
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def test_whoever_follows_the_hidden_link_is_a_program_and_its_other_clicks_count_for_nothing(
    app: App, owner: Visitor
) -> None:
    with app.db.write() as session:
        store = make.store(session, name="Another")
        mail = make.message(session, make.customer(session, store), state="delivered", accepted_at=NOW)
        assert note(session, Hit(mail.public_id, "click", NOW, PERSON, link=1))
        name = mail.public_id
    answer = owner.get(f"/c/{token(key_of(app.keyring), name)}/0", headers={"User-Agent": PERSON})
    assert answer.status_code == 404
    with app.db.read() as session:
        found = session.scalars(select(MessageEvent).order_by(MessageEvent.id)).all()
        assert [(hit.link, hit.machine_reason) for hit in found] == [(1, "hidden_link"), (0, "hidden_link")]
        assert session.scalars(select(Message)).one().clicked_at is None
