from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from automation.app import App
from automation.models import AuditEntry, Campaign, CampaignVersion, Enrolment, Store
from tests import make
from tests.webapp.scene import Scene
from tests.webapp.statements import counted
from tests.webapp.visitor import Visitor


def words(html: str) -> str:
    """The page's text, as a reader sees it."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def state(app: App, public_id: str) -> str:
    with app.db.read() as session:
        return session.scalars(select(Campaign.state).where(Campaign.public_id == public_id)).one()


def test_the_list_tells_what_became_of_each_campaign(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get("/campaigns/"))
    assert "Cart reminder Cart abandoned Live 10 8 9 1 11% €53.50" in page
    assert "Newsletter Newsletter Draft 0 0 0 0 –" in page


def test_without_campaigns_the_page_says_how_to_begin(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    page = keeper.get("/campaigns/")
    assert "No campaigns yet" in page
    assert 'href="/campaigns/new"' in page


def test_a_viewer_is_shown_no_buttons_and_may_not_press_them(onlooker: Visitor, shop: Scene, app: App) -> None:
    assert "New campaign" not in onlooker.get("/campaigns/")
    page = onlooker.get(f"/campaigns/{shop.live}")
    assert "Pause" not in page
    assert "inspector/" not in page
    assert onlooker.post(f"/campaigns/{shop.live}/pause").status_code == 403
    assert onlooker.ask("/campaigns/new").status_code == 403
    assert state(app, shop.live) == "live"


def test_a_recipe_becomes_a_draft(app: App, keeper: Visitor, shop: Scene) -> None:
    gallery = words(keeper.get("/campaigns/new"))
    assert "Three mails after a cart was left" in gallery
    assert "Wait 30 minutes" in gallery
    answer = keeper.post("/campaigns/new/cart_abandoned")
    assert answer.status_code == 303
    page = words(keeper.get(answer.headers["Location"]))
    assert "Cart reminder 2" in page
    assert "Never published" in page
    assert "This is a draft." in page


def test_an_unknown_recipe_is_refused_in_words(keeper: Visitor, shop: Scene) -> None:
    answer = keeper.post("/campaigns/new/teleport")
    assert answer.status_code == 302
    assert "There is no recipe called teleport." in keeper.get("/")


def test_a_flow_shows_each_step_with_its_figures(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get(f"/campaigns/{shop.live}"))
    assert "Cart abandoned Starts it Idle minutes 30 Intent any 10 entered" in page
    assert "3 waiting Cart reminder, first Send a mail 5 sent 20% opened 20% clicked 1 on their way 1 not sent" in page
    assert "1 no consent" not in page
    assert "1 the customer has not agreed to the topic" in page
    assert "Audience Everybody" in page
    assert "Again not within 7 days" in page
    assert "No longer true: no order was placed since the cart was left 1" in page


def test_a_campaigns_page_takes_a_fixed_number_of_statements(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        row = session.scalars(select(Campaign).where(Campaign.public_id == shop.live)).one()
        row.draft = {**row.draft, "priority": 10}
    keeper.get(f"/campaigns/{shop.live}")
    with counted(app) as statements:
        keeper.get(f"/campaigns/{shop.live}")
    # Four more are the frame's: who asks, which store, is anything paused, where mails go.
    assert len(statements) <= 12 + 4, "\n".join(statements)


def test_a_step_is_changed_in_the_draft_while_customers_go_on_as_before(app: App, keeper: Visitor, shop: Scene) -> None:
    fragment = keeper.get(f"/campaigns/{shop.live}/inspector/wait_1", fragment=True)
    assert "<html" not in fragment
    assert 'name="amount"' in fragment
    answer = keeper.post(f"/campaigns/{shop.live}/save/wait_1", amount="45", unit="minutes")
    assert answer.status_code == 303
    page = words(keeper.get(f"/campaigns/{shop.live}"))
    assert "Unpublished changes" in page
    assert "Wait 45 minutes" in page
    assert "Publish changes" in page
    live = words(keeper.get(f"/campaigns/{shop.live}?shown=live"))
    assert "Wait 30 minutes" in live
    assert "Wait 45 minutes" not in live
    with app.db.read() as session:
        assert session.query(CampaignVersion).count() == 1


def test_changing_back_leaves_nothing_to_publish(keeper: Visitor, shop: Scene) -> None:
    keeper.post(f"/campaigns/{shop.live}/save/wait_1", amount="45", unit="minutes")
    keeper.post(f"/campaigns/{shop.live}/save/wait_1", amount="30", unit="minutes")
    assert "Unpublished changes" not in keeper.get(f"/campaigns/{shop.live}")


@pytest.mark.parametrize(
    ("part", "typed", "complaint"),
    [
        ("wait_1", {"amount": "0", "unit": "hours"}, "This must be greater than or equal to 1."),
        ("trigger", {"idle_minutes": "soon", "intent": "any", "minimum": "0"}, "This must be a whole number."),
        ("rules", {"mail_class": "lifecycle", "topic": "Not A Word", "priority": "50", "cooldown_days": "1"}, "match"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    keeper: Visitor, shop: Scene, part: str, typed: dict[str, str], complaint: str
) -> None:
    answer = keeper.post(f"/campaigns/{shop.live}/save/{part}", **typed)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Unpublished changes" not in keeper.get(f"/campaigns/{shop.live}")


def test_the_rules_of_sending_are_changed_in_the_draft(keeper: Visitor, shop: Scene) -> None:
    keeper.post(
        f"/campaigns/{shop.draft}/save/rules",
        mail_class="promotional",
        topic="news",
        priority="70",
        cooldown_days="2.5",
    )
    page = words(keeper.get(f"/campaigns/{shop.draft}"))
    assert "Topic News Priority 70 of 100 Again not within 2.5 days" in page


def test_publishing_makes_a_draft_live_and_is_written_down(app: App, keeper: Visitor, shop: Scene) -> None:
    keeper.post(f"/campaigns/{shop.draft}/publish")
    page = words(keeper.get(f"/campaigns/{shop.draft}"))
    assert "Published. Its trigger is watched from now on." in page
    assert "Version 1, live since 10 Mar 2026" in page
    with app.db.read() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.object_id == shop.draft).order_by(AuditEntry.id)
        ).all()
    assert actions == ["campaign.created", "campaign.published"]


def test_a_campaign_that_is_not_ready_says_why(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        session.execute(update(Store).values(postal_address=""))
    page = words(keeper.get(f"/campaigns/{shop.draft}"))
    assert "Not ready to publish. Store: set the postal address first" in page
    keeper.post(f"/campaigns/{shop.draft}/publish")
    assert "the law wants it in every mail." in keeper.get(f"/campaigns/{shop.draft}")
    assert state(app, shop.draft) == "draft"


def test_pause_resume_stop_and_archive_lead_from_state_to_state(app: App, keeper: Visitor, shop: Scene) -> None:
    for action, after in (("pause", "paused"), ("resume", "live"), ("stop", "stopping"), ("archive", "archived")):
        answer = keeper.post(f"/campaigns/{shop.live}/{action}")
        assert answer.status_code == 303
        assert state(app, shop.live) == after
    assert "Nothing is archived" not in keeper.get("/campaigns/?archived=1")
    assert "1 archived" in words(keeper.get("/campaigns/"))


def test_stopping_may_let_everybody_leave_at_once(app: App, keeper: Visitor, shop: Scene) -> None:
    keeper.post(f"/campaigns/{shop.live}/stop", exit_everyone="on")
    with app.db.read() as session:
        assert session.query(Enrolment).filter_by(state="active").count() == 0
    assert "The campaign was stopped" in words(keeper.get(f"/campaigns/{shop.live}/people?state=exited"))


def test_what_is_not_possible_now_is_said_on_the_page(app: App, keeper: Visitor, shop: Scene) -> None:
    keeper.post(f"/campaigns/{shop.live}/resume")
    assert "Only a paused campaign can be resumed." in keeper.get(f"/campaigns/{shop.live}")
    assert state(app, shop.live) == "live"


def test_people_are_listed_with_where_they_are_and_how_they_left(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get(f"/campaigns/{shop.live}/people"))
    assert "Ben Okafor Inside Mail “Cart reminder, first” next in 20 minutes" in page
    assert "Ada Lovell Left early No longer true: no order was placed" in page
    inside = words(keeper.get(f"/campaigns/{shop.live}/people?state=active"))
    assert "Ada Lovell" not in inside


def test_decisions_are_listed_with_their_reasons(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get(f"/campaigns/{shop.live}/decisions"))
    assert "Not now It is 22:10 there, and mails rest from 21:00 to 08:00 (Asia/Tokyo); put off until" in page
    dropped = words(keeper.get(f"/campaigns/{shop.live}/decisions?outcome=drop"))
    assert "Not sent No consent to marketing (withdrawn since Sat 7 Mar 13:00)." in dropped
    assert "Cleo" not in dropped


def test_a_campaign_that_is_not_there_is_404(keeper: Visitor, shop: Scene) -> None:
    for path in ("x", "x/people", "x/decisions", f"{shop.live}/inspector/nowhere"):
        assert keeper.ask(f"/campaigns/{path}", fragment="inspector" in path).status_code == 404
