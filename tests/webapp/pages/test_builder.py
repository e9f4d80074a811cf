from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.campaigns import read, walk
from automation.models import Campaign, CampaignVersion, Segment
from tests.conftest import NOW
from tests.webapp.pages.test_campaigns import state, words
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor


def ids(app: App, public_id: str) -> list[str]:
    return [node.id for node in walk(draft(app, public_id).flow)]


def draft(app: App, public_id: str) -> Any:
    with app.db.read() as session:
        return read(session.scalars(select(Campaign.draft).where(Campaign.public_id == public_id)).one())


def empty(keeper: Visitor) -> str:
    answer = keeper.post("/campaigns/empty", name="Spring", trigger="order_placed")
    assert answer.status_code == 303
    return answer.headers["Location"].rpartition("/")[2]


def put(keeper: Visitor, campaign: str, kind: str, at: str) -> str:
    """The page that is shown after a step was put in."""
    answer = keeper.post(f"/campaigns/{campaign}/steps", kind=kind, at=at)
    return keeper.get(answer.headers["Location"])


def act(keeper: Visitor, campaign: str, step: str, what: str) -> None:
    keeper.post(f"/campaigns/{campaign}/steps/{step}", do=what)


def a_segment(app: App, shop: Scene) -> int:
    with app.db.write() as session:
        row = Segment(
            store_id=shop.store_id,
            name="Austria",
            rule={"field": "country", "is": "is", "value": "AT"},
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(row)
        session.flush()
        return row.id


def test_a_flow_grows_from_nothing_and_says_what_is_missing(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    page = words(keeper.get(f"/campaigns/{campaign}"))
    assert "No steps yet" in page
    assert "sends no mail and does nothing else yet" in page
    page = words(put(keeper, campaign, "mail", "start"))
    assert "Not ready: choose a mail" in page
    assert "1 step must be set up" in page
    put(keeper, campaign, "branch", "start")
    put(keeper, campaign, "wait", "in:branch_1:no")
    put(keeper, campaign, "tag", "after:wait_1")
    assert ids(app, campaign) == ["branch_1", "wait_1", "tag_1", "mail_1"]
    keeper.post(f"/campaigns/{campaign}/save/mail_1", template="cart_reminder_1")
    assert "choose a mail" not in keeper.get(f"/campaigns/{campaign}")


def test_steps_move_double_and_go_with_what_hangs_below_them(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    put(keeper, campaign, "mail", "start")
    put(keeper, campaign, "branch", "start")
    put(keeper, campaign, "wait", "in:branch_1:yes")
    act(keeper, campaign, "branch_1", "down")
    assert ids(app, campaign) == ["mail_1", "branch_1", "wait_1"]
    act(keeper, campaign, "branch_1", "down")
    assert ids(app, campaign) == ["mail_1", "branch_1", "wait_1"]
    act(keeper, campaign, "branch_1", "duplicate")
    assert ids(app, campaign) == ["mail_1", "branch_1", "wait_1", "branch_2", "wait_2"]
    act(keeper, campaign, "branch_1", "delete")
    assert ids(app, campaign) == ["mail_1", "branch_2", "wait_2"]


def test_every_change_is_taken_back_and_made_again_until_another_follows(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    campaign = empty(keeper)
    put(keeper, campaign, "mail", "start")
    put(keeper, campaign, "wait", "start")
    keeper.post(f"/campaigns/{campaign}/undo")
    assert ids(app, campaign) == ["mail_1"]
    keeper.post(f"/campaigns/{campaign}/undo")
    assert ids(app, campaign) == []
    keeper.post(f"/campaigns/{campaign}/redo")
    keeper.post(f"/campaigns/{campaign}/redo")
    assert ids(app, campaign) == ["wait_1", "mail_1"]
    keeper.post(f"/campaigns/{campaign}/undo")
    put(keeper, campaign, "tag", "start")
    keeper.post(f"/campaigns/{campaign}/redo")
    assert ids(app, campaign) == ["tag_1", "mail_1"]
    assert "There is nothing to make again." in keeper.get(f"/campaigns/{campaign}")


def test_a_copied_step_is_put_into_another_campaign_as_an_open_draft(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    assert "What you copied" not in keeper.get(f"/campaigns/{campaign}/add?at=start", fragment=True)
    act(keeper, shop.live, "mail_1", "copy")
    assert "What you copied" in keeper.get(f"/campaigns/{campaign}/add?at=start", fragment=True)
    put(keeper, campaign, "paste", "start")
    assert [(n.id, n.settings) for n in walk(draft(app, campaign).flow)] == [
        ("mail_1", {"template": "cart_reminder_1"})
    ]


def test_a_place_that_is_gone_is_refused_in_words(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    assert "That place in the flow is gone" in put(keeper, campaign, "mail", "after:mail_7")
    assert "That place in the flow is gone" in put(keeper, campaign, "mail", "in:mail_7:yes")
    assert "There is no such step." in put(keeper, campaign, "teleport", "start")
    assert ids(app, campaign) == []


def test_a_live_flow_is_changed_as_a_draft(app: App, keeper: Visitor, shop: Scene) -> None:
    act(keeper, shop.live, "mail_1", "delete")
    assert "mail_1" not in ids(app, shop.live)
    with app.db.read() as session:
        published = session.scalars(select(CampaignVersion.definition)).one()
    assert "mail_1" in [node.id for node in walk(read(published).flow)]


def test_an_arm_with_steps_below_it_cannot_be_renamed_away(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    put(keeper, campaign, "split", "start")
    put(keeper, campaign, "mail", "in:split_1:b")
    answer = keeper.post(f"/campaigns/{campaign}/save/split_1", arms="a 50, c 50")
    assert answer.status_code == 422
    assert "has no branch b" in answer.text
    assert 'value="a 50, c 50"' in answer.text
    answer = keeper.post(f"/campaigns/{campaign}/save/split_1", arms="a 50, b 20, c 30")
    assert answer.status_code == 303


def test_audience_goal_and_exits_are_set_by_segments_and_events(app: App, keeper: Visitor, shop: Scene) -> None:
    segment = a_segment(app, shop)
    campaign = empty(keeper)
    keeper.post(f"/campaigns/{campaign}/save/audience", audience=str(segment))
    keeper.post(f"/campaigns/{campaign}/save/goal", event="order.placed", within_days="3")
    keeper.post(f"/campaigns/{campaign}/save/exits", rule=str(segment), reason="lives in Austria")
    kept = draft(app, campaign)
    assert kept.audience == {"segment": segment}
    assert (kept.goal.event, kept.goal.within_days) == ("order.placed", 3)
    assert [(one.rule, one.reason) for one in kept.exits] == [({"segment": segment}, "lives in Austria")]
    assert "1 customer now Ada Lovell" in words(keeper.get(f"/campaigns/{campaign}/audience", fragment=True))
    answer = keeper.post(f"/campaigns/{campaign}/save/audience", audience="999")
    assert answer.status_code == 422
    assert "There is no such segment." in answer.text
    keeper.post(f"/campaigns/{campaign}/exits/0/remove")
    keeper.post(f"/campaigns/{campaign}/save/goal", event="", within_days="3")
    assert (draft(app, campaign).exits, draft(app, campaign).goal) == ([], None)


def test_a_branch_asks_for_a_segment_and_keeps_a_rule_that_is_more(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign, segment = empty(keeper), a_segment(app, shop)
    put(keeper, campaign, "branch", "start")
    keeper.post(f"/campaigns/{campaign}/save/branch_1", rule=str(segment))
    assert draft(app, campaign).flow[0].settings["rule"] == {"segment": segment}
    rule = {"field": "country", "is": "is", "value": "DE"}
    with app.db.write() as session:
        row = session.scalars(select(Campaign).where(Campaign.public_id == campaign)).one()
        flow = [{"id": "branch_1", "kind": "branch", "settings": {"rule": rule}}]
        row.draft = {**row.draft, "flow": flow}
    page = keeper.get(f"/campaigns/{campaign}/inspector/branch_1", fragment=True)
    assert re.search(r'value="kept" selected>As it is: [^<]*country', page)
    keeper.post(f"/campaigns/{campaign}/save/branch_1", rule="kept")
    assert draft(app, campaign).flow[0].settings["rule"] == rule


def test_another_trigger_begins_with_its_own_settings(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    keeper.post(f"/campaigns/{campaign}/trigger", kind="birthday")
    assert draft(app, campaign).trigger.kind == "order_placed"
    keeper.post(f"/campaigns/{campaign}/trigger", kind="cart_abandoned")
    assert (draft(app, campaign).trigger.kind, draft(app, campaign).trigger.settings) == ("cart_abandoned", {})


def test_settings_inside_of_settings_are_fields_of_their_own(app: App, keeper: Visitor, shop: Scene) -> None:
    campaign = empty(keeper)
    keeper.post(f"/campaigns/{campaign}/trigger", kind="browse_abandoned")
    typed = {"idle_minutes": "60", "not_bought_days": "7", "which.categories": "Tea, Coffee"}
    assert keeper.post(f"/campaigns/{campaign}/save/trigger", **typed).status_code == 303
    assert draft(app, campaign).trigger.settings["which"]["categories"] == ["Tea", "Coffee"]
    assert 'value="Tea, Coffee"' in keeper.get(f"/campaigns/{campaign}/inspector/trigger", fragment=True)
    keeper.post(f"/campaigns/{campaign}/trigger", kind="newsletter")
    weekly = {"passed": "skip", "schedule": "on", "schedule.every": "week", "schedule.at": "08:30"}
    answer = keeper.post(f"/campaigns/{campaign}/save/trigger", **weekly)
    assert answer.status_code == 422
    assert "Choose at least one weekday." in answer.text
    answer = keeper.post(f"/campaigns/{campaign}/save/trigger", **weekly, **{"schedule.weekdays": "mon, fri"})
    assert answer.status_code == 303
    assert draft(app, campaign).trigger.settings["schedule"]["weekdays"] == ["mon", "fri"]
    keeper.post(f"/campaigns/{campaign}/save/trigger", passed="skip")
    assert draft(app, campaign).trigger.settings["schedule"] is None


def test_ticked_campaigns_are_paused_together_and_what_cannot_be_is_named(
    app: App, keeper: Visitor, shop: Scene
) -> None:
    listed = keeper.get("/campaigns/")
    assert f'name="campaign" value="{shop.live}" aria-label="Tick Cart reminder"' in listed
    assert f'href="/campaigns/{shop.live}">Cart reminder</a>' in listed
    keeper.post("/campaigns/bulk", do="pause", campaign=[shop.live, shop.draft])
    page = words(keeper.get("/campaigns/"))
    assert "One campaign was paused." in page
    assert "Newsletter: Only a live campaign can be paused." in page
    assert (state(app, shop.live), state(app, shop.draft)) == ("paused", "draft")


def test_a_viewer_changes_nothing(app: App, onlooker: Visitor, shop: Scene) -> None:
    before = ids(app, shop.live)
    for path in ("steps", "steps/mail_1", "undo", "redo", "trigger", "exits/0/remove"):
        assert onlooker.post(f"/campaigns/{shop.live}/{path}", do="delete", kind="mail").status_code == 403
    assert onlooker.post("/campaigns/bulk", do="archive", campaign=shop.live).status_code == 403
    assert ids(app, shop.live) == before
    assert "Put a step in" not in onlooker.get(f"/campaigns/{shop.live}")
