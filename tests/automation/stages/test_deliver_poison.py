"""Mails that cannot be rendered, among mails that can."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import AuditEntry, Campaign, Message, TemplateVersion
from automation.rendering.pool import RenderPool
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import rows
from tests.conftest import NOW
from tests.fakes import Post, scripted

KILLER = "{{ [customer]|batch(999999999, 1)|list }}"


@pytest.fixture
def real(app: App) -> tuple[App, Post]:
    """A scripted provider behind real render children."""
    changed, post = scripted(app, "B", 100)
    object.__setattr__(changed, "renderer", RenderPool(1))
    return changed, post


def _campaign(app: App, html: str, count: int) -> int:
    """A live campaign with ready mails, of a version whose body is `html`; its id."""
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "scripted")
        campaign = make.campaign(app, session, store)
        well = session.scalars(select(TemplateVersion).order_by(TemplateVersion.id)).first()
        assert well is not None
        bad = TemplateVersion(
            **{
                c.key: getattr(well, c.key)
                for c in TemplateVersion.__table__.columns
                if c.key not in ("id", "html", "number")
            },
            html=html,
            number=2,
        )
        session.add(bad)
        session.flush()
        people = [make.customer(session, store, f"Ada{n}") for n in range(count)]
        about = {"campaign_id": campaign.id, "version_id": campaign.live_version_id, "state": "ready"}
        for person in people:
            make.message(session, person, template_version_id=bad.id, **about)
        make.message(session, make.customer(session, store, "Zoe"), template_version_id=well.id, state="ready")
        return campaign.id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_that_kills_its_renderer_pauses_its_campaign_and_nobody_elses(real: tuple[App, Post]) -> None:
    app, world = real
    campaign_id = _campaign(app, KILLER, 6)
    deliver(app, NOW, 100)
    assert world.recipients == ["zoe@example.com"]
    with app.db.read() as session:
        campaign = session.get_one(Campaign, campaign_id)
        assert campaign.state == "paused"
        assert "cannot be rendered. The mail needs too much memory" in campaign.state_reason
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign.paused")).one()
        parked = session.scalars(select(Message).where(Message.campaign_id == campaign_id)).all()
    assert {(m.state, m.reason) for m in parked} == {("parked", "template_broken")}
    assert deliver(app, NOW, 100) == 0
    app.renderer.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_that_comes_out_for_nobody_pauses_its_campaign(real: tuple[App, Post]) -> None:
    app, _ = real
    campaign_id = _campaign(app, "{{ 1 // 0 }}", 25)
    deliver(app, NOW, 100)
    with app.db.read() as session:
        assert session.get_one(Campaign, campaign_id).state == "paused"
    app.renderer.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_that_some_customers_lack_something_for_goes_to_the_others(real: tuple[App, Post]) -> None:
    app, world = real
    campaign_id = _campaign(app, "{{ 1 // (customer.first_name|length - 4) }}", 12)
    deliver(app, NOW, 100)
    assert len(world.recipients) == 3, "Ada10, Ada11 and Zoe"
    with app.db.read() as session:
        assert session.get_one(Campaign, campaign_id).state == "live"
    assert sum(m.state == "parked" for m in rows(app)) == 10
    app.renderer.close()
