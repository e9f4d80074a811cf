"""What a person may do with a campaign, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from automation.actions import campaigns
from automation.app import App
from automation.errors import CampaignBroken, NotAllowed
from automation.freezing import check_kinds
from automation.models import AuditEntry, Campaign, CampaignVersion, Enrolment, Message, Store
from automation.recipes import recipes
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW


@pytest.fixture
def store(app: App) -> Store:
    with app.db.write() as session:
        return make.store(session)


def test_every_recipe_names_kinds_that_exist(app: App) -> None:
    for recipe in recipes().values():
        check_kinds(app, recipe.definition)
        assert recipe.title
        assert recipe.description


def test_publishing_fixes_the_mails_and_keeps_the_version_for_good(app: App, store: Store) -> None:
    with app.db.write() as session:
        campaign = make.campaign(app, session, store)
        version = session.scalars(select(CampaignVersion)).one()
        settings = [n["settings"] for n in version.definition["flow"] if n["kind"] == "mail"]
        assert all(s["template_version_id"] for s in settings)
        assert (campaign.state, campaign.live_version_id, version.number) == ("live", version.id, 1)
        campaigns.publish(app, session, campaign, NOW)
    with app.db.read() as session:
        assert session.scalars(select(CampaignVersion.number).order_by(CampaignVersion.number)).all() == [1, 2]
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [a for a in actions if a.startswith("campaign.")] == [
        "campaign.created",
        "campaign.published",
        "campaign.published",
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"trigger": {"kind": "moon_phase"}}, "trigger: there is no kind 'moon_phase'"),
        ({"trigger": {"kind": "cart_abandoned", "settings": {"idle_minutes": 0}}}, "trigger: idle_minutes"),
        ({"flow": []}, "sends no mail"),
        ({"flow": [{"id": "a", "kind": "mail"}]}, "step a: choose a mail"),
        ({"flow": [{"id": "a", "kind": "mail", "settings": {"template": "x"}}]}, "there is no mail called x"),
        ({"flow": [{"id": "a", "kind": "dance"}]}, "step a: there is no kind 'dance'"),
        ({"audience": {"field": "shoe_size", "is": "is", "value": 3}}, "audience: rule: there is no field"),
        ({"audience": {"segment": 7}}, "audience: There is no segment 7"),
    ],
)
def test_what_is_not_ready_cannot_be_published_and_says_where(
    app: App, store: Store, change: dict[str, Any], complaint: str
) -> None:
    with app.db.write() as session:
        make.template(session, store, "cart_reminder_1")
        campaign = campaigns.create_from_recipe(app, session, store, "cart_abandoned", NOW)
        campaign.draft = {**campaign.draft, **change}
        with pytest.raises(CampaignBroken, match=complaint):
            campaigns.publish(app, session, campaign, NOW)
        assert campaigns.problems(app, session, campaign, NOW)
        assert campaign.state == "draft"


def test_a_store_without_a_postal_address_cannot_publish(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session, postal_address="")
        with pytest.raises(CampaignBroken, match="postal address"):
            make.campaign(app, session, store)


def test_two_campaigns_from_one_recipe_have_two_names(app: App, store: Store) -> None:
    with app.db.write() as session:
        for _ in range(3):
            campaigns.create_from_recipe(app, session, store, "newsletter", NOW)
    with app.db.read() as session:
        assert sorted(session.scalars(select(Campaign.name))) == ["Newsletter", "Newsletter 2", "Newsletter 3"]


def _enter(app: App, store: Store) -> Campaign:
    with app.db.write() as session:
        campaign = make.campaign(app, session, store)
        make.cart(session, store, make.customer(session, store), NOW.replace(hour=10))
    enrol(app, NOW, 10)
    advance(app, NOW, 10)
    return campaign


def test_stopping_lets_nobody_in_and_those_inside_finish(app: App, store: Store) -> None:
    campaign = _enter(app, store)
    with app.db.write() as session:
        campaigns.stop(session, session.get_one(Campaign, campaign.id), NOW)
        make.cart(session, store, make.customer(session, store, "Ben"), NOW.replace(hour=10), "c2")
    assert enrol(app, NOW, 10) == 0
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.state)).all() == ["active"]
        assert session.get_one(Campaign, campaign.id).state == "stopping"


def test_archiving_drops_what_was_not_sent_with_a_reason(app: App, store: Store) -> None:
    campaign = _enter(app, store)
    with app.db.write() as session:
        campaigns.archive(session, session.get_one(Campaign, campaign.id), NOW)
    with app.db.read() as session:
        message = session.scalars(select(Message)).one()
        enrolment = session.scalars(select(Enrolment)).one()
    assert (message.state, message.reason) == ("dropped", "campaign_stopped")
    assert (enrolment.state, enrolment.exit_reason) == ("exited", "the campaign was stopped")


def test_what_makes_no_sense_is_refused(app: App, store: Store) -> None:
    with app.db.write() as session:
        campaign = campaigns.create_from_recipe(app, session, store, "newsletter", NOW)
        for action in (campaigns.pause, campaigns.resume, campaigns.stop):
            with pytest.raises(NotAllowed):
                action(session, campaign, NOW)
        campaigns.archive(session, campaign, NOW)
        with pytest.raises(NotAllowed):
            campaigns.publish(app, session, campaign, NOW)
        with pytest.raises(NotAllowed):
            campaigns.create_from_recipe(app, session, store, "nonsense", NOW)


def test_republishing_a_live_campaign_leaves_those_inside_on_their_version(app: App, store: Store) -> None:
    campaign = _enter(app, store)
    with app.db.write() as session:
        row = session.get_one(Campaign, campaign.id)
        since = row.live_since
        campaigns.publish(app, session, row, NOW)
        assert row.live_since == since
        assert session.scalars(select(Enrolment)).one().version_id != row.live_version_id
