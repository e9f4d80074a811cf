from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from automation.app import App
from automation.campaigns import read
from automation.differences import differs
from automation.models import Campaign, CampaignVersion, Conversion, Customer, Decision, Enrolment, Message, Store
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted
from webapp.queries import campaigns
from webapp.queries.flow import cards, exits, step_figures, trigger_words

DRAFT: dict[str, Any] = {
    "trigger": {"kind": "cart_abandoned", "settings": {"idle_minutes": 45}},
    "flow": [
        {"id": "wait_1", "kind": "wait", "settings": {"amount": 1, "unit": "hours"}},
        {"id": "mail_1", "kind": "mail", "settings": {"template": "cart_reminder_1"}},
    ],
}


def campaign(session: Session, store: Store, name: str = "Cart reminder", **values: Any) -> Campaign:
    defaults: dict[str, Any] = {
        "public_id": random_id(),
        "store_id": store.id,
        "name": name,
        "draft": DRAFT,
        "created_at": NOW,
        "updated_at": NOW,
    }
    row = Campaign(**{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def version(session: Session, of: Campaign, definition: dict[str, Any] = DRAFT) -> CampaignVersion:
    row = CampaignVersion(campaign_id=of.id, number=1, definition=definition, created_at=NOW)
    session.add(row)
    session.flush()
    of.live_version_id, of.live_since, of.state = row.id, NOW, "live"
    session.flush()
    return row


def enrolment(session: Session, of: CampaignVersion, customer: Customer, **values: Any) -> Enrolment:
    defaults: dict[str, Any] = {
        "store_id": customer.store_id,
        "campaign_id": of.campaign_id,
        "version_id": of.id,
        "customer_id": customer.id,
        "key": random_id(),
        "anchor_at": NOW,
        "due_at": NOW,
        "entered_at": NOW,
    }
    row = Enrolment(**{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def sent(session: Session, customer: Customer, of: CampaignVersion, **values: Any) -> Message:
    defaults: dict[str, Any] = {
        "campaign_id": of.campaign_id,
        "version_id": of.id,
        "step_id": "mail_1",
        "state": "accepted",
        "accepted_at": NOW,
    }
    return make.message(session, customer, **{**defaults, **values})


def story(session: Session) -> tuple[Store, Campaign]:
    """Three people in a campaign: one waits, one got the mail, clicked and bought, one was not mailed."""
    store = make.store(session)
    row = campaign(session, store)
    live = version(session, row)
    ada, ben, cleo = (make.customer(session, store, n) for n in ("Ada", "Ben", "Cleo"))
    enrolment(session, live, ada, step_id="mail_1", due_at=NOW + timedelta(hours=1))
    enrolment(session, live, ben, state="exited", ended_at=NOW, exit_reason="no order was placed", entered_at=NOW)
    enrolment(session, live, cleo, state="finished", ended_at=NOW, entered_at=NOW - timedelta(hours=1))
    mail = sent(session, ben, live, opened_at=NOW, clicked_at=NOW)
    order = make.order(session, store, ben, NOW, refunded=590)
    session.add(Conversion(
        order_id=order.id, store_id=store.id, campaign_id=row.id, message_id=mail.id, clicked_at=NOW, at=NOW
    ))  # fmt: skip
    lost = sent(session, cleo, live, state="dropped", reason="quiet_hours", accepted_at=None)
    session.add(Decision(
        message_id=lost.id, customer_id=cleo.id, campaign_id=row.id, outcome="drop", reason="no_consent",
        facts={"topic": "marketing", "consent": "withdrawn"}, at=NOW,
    ))  # fmt: skip
    session.flush()
    return store, row


def test_the_list_tells_what_became_of_each_campaign(app: App) -> None:
    with app.db.write() as session:
        store, _ = story(session)
        campaign(session, store, "Welcome")
    with app.db.read() as session:
        found = campaigns.listing(app, session, store.id)
    assert [(c.name, c.state, c.trigger) for c in found] == [
        ("Cart reminder", "live", "cart_abandoned"),
        ("Welcome", "draft", "cart_abandoned"),
    ]
    assert found[0].figures == campaigns.Figures(entered=3, waiting=1, sent=1, clicked=1, orders=1, revenue=2000)
    assert found[1].figures == campaigns.Figures()


def test_test_mails_and_other_stores_are_not_counted(app: App) -> None:
    with app.db.write() as session:
        store, row = story(session)
        other = make.store(session, name="Other")
        stranger = campaign(session, other)
        live = version(session, stranger)
        sent(session, make.customer(session, store, "Dora"), live, is_test=True, campaign_id=row.id)
    with app.db.read() as session:
        assert campaigns.listing(app, session, store.id)[0].figures.sent == 1
        assert campaigns.one(app, session, store.id, stranger.public_id) is None


def test_the_list_takes_four_statements_however_many_campaigns_there_are(app: App) -> None:
    with app.db.write() as session:
        store, _ = story(session)
        for number in range(30):
            campaign(session, store, f"Campaign {number}")
    with app.db.read() as session, counted(app) as statements:
        assert len(campaigns.listing(app, session, store.id)) == 31
    assert len(statements) == 4


def test_archived_campaigns_have_a_list_of_their_own(app: App) -> None:
    with app.db.write() as session:
        store, row = story(session)
        row.state = "archived"
    with app.db.read() as session:
        assert campaigns.listing(app, session, store.id) == []
        assert [c.name for c in campaigns.listing(app, session, store.id, archived=True)] == ["Cart reminder"]
        assert campaigns.archived_count(session, store.id) == 1


def test_people_and_decisions_come_in_pages_without_gaps(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        row = campaign(session, store)
        live = version(session, row)
        for number in range(60):
            customer = make.customer(session, store, f"C{number}", consent=False)
            # All in the same instant: the id has to tell them apart.
            enrolment(session, live, customer)
            session.add(Decision(
                message_id=sent(session, customer, live).id, customer_id=customer.id, campaign_id=row.id,
                outcome="go", reason="go", facts={}, at=NOW,
            ))  # fmt: skip
    with app.db.read() as session:
        for load in (campaigns.people, campaigns.decisions):
            names, after = [], None
            while True:
                page = load(session, row.id, None, after)
                names += [p.customer for p in page.rows]
                if page.next is None:
                    break
                after = page.next
            assert names == [f"C{number}" for number in reversed(range(60))]


def test_a_flow_counts_who_waits_what_was_sent_and_why_not(app: App) -> None:
    with app.db.write() as session:
        _, row = story(session)
    with app.db.read() as session:
        figures = step_figures(session, row.id)
        left = exits(session, row.id)
    drawn = cards(app, read(DRAFT).flow, figures)
    assert [(c.id, c.sentence, c.problem) for c in drawn] == [
        ("wait_1", "Wait 1 hour", ""),
        ("mail_1", "Send “cart_reminder_1”", ""),
    ]
    mail = drawn[1].figures
    assert (mail.waiting, mail.sent, mail.opened, mail.clicked, dict(mail.dropped)) == (1, 1, 1, 1, {"quiet_hours": 1})
    assert sorted(left, reverse=True) == [("went through all steps", 1), ("no order was placed", 1)]


def test_a_card_says_what_is_wrong_with_its_step(app: App) -> None:
    flow = read({**DRAFT, "flow": [
        {"id": "a", "kind": "wait", "settings": {"amount": 0}},
        {"id": "b", "kind": "teleport"},
    ]}).flow  # fmt: skip
    wait, other = cards(app, flow, {})
    assert wait.problem.startswith("Amount: Input should be greater")
    assert other.problem == "There is no step called teleport here."


def test_a_trigger_tells_its_settings_in_words(app: App) -> None:
    label, lines, problem = trigger_words(app, read(DRAFT).trigger)
    assert (label, problem) == ("Cart abandoned", "")
    assert ("Idle minutes", "45") in lines


def test_what_publishing_fixes_is_no_change(app: App) -> None:
    live = {**DRAFT, "flow": [
        {"id": "wait_1", "kind": "wait", "settings": {"amount": 1}},
        {"id": "mail_1", "kind": "mail", "settings": {"template": "cart_reminder_1", "template_version_id": 7}},
    ]}  # fmt: skip
    assert not differs(app, DRAFT, live)
    assert not differs(app, DRAFT, None)
    assert differs(app, {**DRAFT, "priority": 60}, live)
    assert differs(app, {**DRAFT, "flow": DRAFT["flow"][:1]}, live)


def test_a_newsletter_that_goes_at_publishing_is_not_changed_by_its_hour(app: App) -> None:
    draft = {"trigger": {"kind": "newsletter"}, "flow": []}
    live = {"trigger": {"kind": "newsletter", "settings": {"send_at": "2026-03-10T12:00:00Z"}}, "flow": []}
    assert not differs(app, draft, live)
    later = {"trigger": {"kind": "newsletter", "settings": {"send_at": "2026-03-11T12:00:00Z"}}, "flow": []}
    assert differs(app, later, live)
