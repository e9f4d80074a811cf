"""A score is asked for after a delivery; who is delighted is asked for a review, who is not is brought to a person."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Message, Notice, Order, Template, TemplateVersion
from automation.queue.beat import drain
from automation.rendering.again import again
from tests import make
from tests.conftest import NOW
from tests.pages import open_pages

DAY = timedelta(days=1)


def goes_by(app: App, clock: TurnableClock, days: int) -> None:
    for _ in range(days * 2):
        clock.turn(DAY / 2)
        drain(app)


@pytest.mark.parametrize(
    ("score", "mails", "notices"),
    [(10, ["nps_survey", "review_invitation"], 0), (8, ["nps_survey"], 0), (3, ["nps_survey"], 1)],
)
def test_a_score_leads_to_a_review_or_to_a_person(
    app: App, clock: TurnableClock, score: int, mails: list[str], notices: int
) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "mailbox")
        ada = make.customer(session, store)
        make.order(session, store, ada, NOW - 9 * DAY, "o1")
        session.scalars(select(Order)).one().delivered_at = NOW - 8 * DAY
        row = campaigns.create_from_recipe(app, session, store, "nps", NOW - 20 * DAY)
        campaigns.install_mails(app, session, row, NOW - 20 * DAY)
        campaigns.publish(app, session, row, NOW - 20 * DAY)
    goes_by(app, clock, 4)
    with app.db.read() as session:
        (survey,) = session.scalars(select(Message))
        html = again(app, session, survey.id)[0].html
    link = re.search(rf'href="https://mail\.example\.com(/r/[^"/]+)/{score}"', html)
    assert link
    answer = open_pages(app).test_client().post(link[1], data={"score": str(score)})
    assert answer.status_code == 200
    goes_by(app, clock, 3)
    with app.db.read() as session:
        used = (
            select(Template.name)
            .join(TemplateVersion, TemplateVersion.template_id == Template.id)
            .join(Message, Message.template_version_id == TemplateVersion.id)
        )
        assert session.scalars(used.order_by(Message.id)).all() == mails
        about = session.scalars(select(Notice.customer_id)).all()
        assert about == session.scalars(select(Customer.id)).all()[:notices]
