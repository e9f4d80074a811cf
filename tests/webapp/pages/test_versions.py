from __future__ import annotations

import re

from sqlalchemy import select

from automation.actions import campaigns as actions
from automation.app import App
from automation.models import Campaign, CampaignVersion, Enrolment
from tests.conftest import NOW
from tests.webapp.pages.test_campaigns import words
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor


def numbers(app: App, public_id: str) -> list[int]:
    with app.db.read() as session:
        found = select(CampaignVersion.number).join(Campaign, Campaign.id == CampaignVersion.campaign_id)
        return list(session.scalars(found.where(Campaign.public_id == public_id).order_by(CampaignVersion.number)))


def change(app: App, public_id: str) -> None:
    with app.db.write() as session:
        row = session.scalars(select(Campaign).where(Campaign.public_id == public_id)).one()
        draft = {**row.draft, "flow": row.draft["flow"][:-1], "priority": 11}
        actions.edit(app, session, row, draft, NOW)


def test_every_version_is_listed_and_an_older_one_comes_back_as_a_new_one(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    change(app, shop.live)
    answer = keeper.post(f"/campaigns/{shop.live}/publish", inside="finish")
    assert "Published." in words(keeper.get(answer.headers["Location"]))
    assert numbers(app, shop.live) == [1, 2]
    page = keeper.get(f"/campaigns/{shop.live}/versions")
    assert "Go back to this" in page
    answer = keeper.post(f"/campaigns/{shop.live}/versions/1/rollback", inside="finish")
    assert answer.status_code == 303
    assert numbers(app, shop.live) == [1, 2, 3]
    assert "Version 1 is live again" in words(keeper.get(answer.headers["Location"]))


def test_before_publishing_one_sees_who_waits_where_and_says_what_becomes_of_them(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    change(app, shop.live)
    page = keeper.get(f"/campaigns/{shop.live}/versions")
    assert "what publishing the draft means for them" in page
    assert re.search(r"The step is (gone|the same)|other settings", page)
    keeper.post(f"/campaigns/{shop.live}/publish", inside="exit")
    with app.db.read() as session:
        inside = select(Enrolment.id).join(Campaign, Campaign.id == Enrolment.campaign_id)
        assert session.scalars(inside.where(Campaign.public_id == shop.live, Enrolment.state == "active")).all() == []


def test_a_draft_has_no_versions_and_the_page_says_so(keeper: Visitor, shop: Scene) -> None:
    assert "Never published" in keeper.get(f"/campaigns/{shop.draft}/versions")


def test_a_copy_is_a_draft(app: App, keeper: Visitor, shop: Scene) -> None:
    answer = keeper.post(f"/campaigns/{shop.live}/duplicate")
    page = words(keeper.get(answer.headers["Location"]))
    assert "Never published" in page
    assert numbers(app, shop.live) == [1]


def test_an_onlooker_may_look_and_not_go_back(app: App, onlooker: Visitor, shop: Scene) -> None:
    page = onlooker.get(f"/campaigns/{shop.live}/versions")
    assert "Go back to this" not in page
    assert onlooker.post(f"/campaigns/{shop.live}/versions/1/rollback").status_code == 403
    assert onlooker.post(f"/campaigns/{shop.live}/duplicate").status_code == 403
    assert numbers(app, shop.live) == [1]
