"""A step's own subject and sender's name: in the mail, in what is stored of it, and the same at every rendering."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from automation.app import App
from automation.errors import CampaignBroken
from automation.models import Message
from automation.rendering.compose import Composed, compose
from automation.rendering.context import load
from tests.automation.steps.flows import World, node
from tests.conftest import NOW


def step(step_id: str, **settings: Any) -> dict[str, Any]:
    return node(step_id, "mail", template="cart_reminder_1", **settings)


def test_two_steps_send_one_mail_under_two_subjects_and_senders(app: App) -> None:
    flow = [
        node(
            "t",
            "split",
            {
                "a": [step("plain")],
                "b": [
                    step("other", subject="{{ store.name }} for {{ customer.first_name }}", sender_name="May\nof Wren")
                ],
            },
            arms=[{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
        )
    ]
    world = World(app, flow, people=12)
    world.run()
    with app.db.read() as session:
        messages = session.scalars(select(Message).order_by(Message.id)).all()
        variables = load(app, session, messages, NOW)
        session.expunge_all()
    seen = set()
    for message, made in zip(messages, compose(app, messages, variables), strict=True):
        assert isinstance(made, Composed)
        who = next(p.first_name for p in world.people if p.id == message.customer_id)
        subject, sender = made.mail.subject, made.mail.from_name
        seen.add(message.step_id)
        if message.step_id == "plain":
            assert (subject, sender) == (f"Hello {who}", "Wren & Thistle")
            assert "subject" not in variables[message.id]["envelope"]
        else:
            assert (subject, sender) == (f"Wren & Thistle for {who}", "May of Wren")
    assert seen == {"plain", "other"}
    # From what is stored alone it comes out the same.
    again = compose(app, messages, variables)
    assert [m.payload_hash for m in again if isinstance(m, Composed)] == [
        m.payload_hash for m in compose(app, messages[::-1], variables)[::-1] if isinstance(m, Composed)
    ]


def test_versions_are_read_once(app: App) -> None:
    world = World(app, [step("m", subject="Now")])
    world.run()
    statements: list[str] = []
    with app.db.read() as session:
        messages = session.scalars(select(Message)).all()
        load(app, session, messages, NOW)
        event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        assert load(app, session, messages, NOW)[messages[0].id]["envelope"]["subject"] == "Now"
    assert not [text for text in statements if "campaign_versions" in text]


def test_a_subject_that_is_no_template_is_refused_at_publishing(app: App) -> None:
    with pytest.raises(CampaignBroken, match="step m: its subject cannot be read"):
        World(app, [step("m", subject="{{ customer.")])
