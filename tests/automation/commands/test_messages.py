from __future__ import annotations

from automation.app import build
from automation.models import Installation, Message, Store
from automation.settings import Settings
from tests import make
from tests.automation.commands.conftest import Cartwheel


def test_sending_is_paused_and_resumed_as_a_whole_and_for_a_store(
    cartwheel: Cartwheel, environment: dict[str, str]
) -> None:
    assert cartwheel("sending", "pause").output == "All sending is paused.\n"
    app = build(Settings(data=environment["CARTWHEEL_DATA"]))
    with app.db.write() as session:
        make.store(session)
        assert session.get_one(Installation, 1).is_paused
    cartwheel("sending", "resume")
    cartwheel("sending", "pause", "--store", "Wren & Thistle")
    with app.db.read() as session:
        assert not session.get_one(Installation, 1).is_paused
        assert session.get_one(Store, 1).is_paused
    assert "no store called X" in cartwheel("sending", "pause", "--store", "X").output
    app.close()


def test_a_mail_is_parked_and_resent_by_its_id(cartwheel: Cartwheel, environment: dict[str, str]) -> None:
    cartwheel("migrate")
    app = build(Settings(data=environment["CARTWHEEL_DATA"]))
    with app.db.write() as session:
        message = make.message(session, make.customer(session, make.store(session)))
    assert cartwheel("message", "park", message.public_id).output == "It is parked.\n"
    assert cartwheel("message", "park", message.public_id).exit_code == 2
    assert message.public_id in cartwheel("message", "resend", message.public_id).output
    with app.db.read() as session:
        assert session.get_one(Message, message.id).state == "draft"
    assert "no such mail" in cartwheel("message", "resend", "nothing").output
    app.close()
