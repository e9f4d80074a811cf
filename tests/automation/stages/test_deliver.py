from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from automation import faults
from automation.app import App
from automation.clock import TurnableClock
from automation.errors import Later, Misconfigured, Refused
from automation.models import (
    Attempt,
    Campaign,
    Connection,
    Customer,
    Decision,
    Installation,
    Message,
    Rendering,
    Store,
    Suppression,
)
from automation.provider import Accepted, Mail, Outcome
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import busy, rows, shop, states
from tests.conftest import NOW
from tests.fakes import Post, accept_all


def test_ready_messages_leave_in_batches_and_are_accepted(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid", "Dan")
    assert deliver(app, NOW, 100) == 4
    assert [len(tos) for _, tos in world.requests] == [3, 1]
    assert world.recipients == ["ada@example.com", "bob@example.com", "cid@example.com", "dan@example.com"]
    first = rows(app)[0]
    assert (first.state, first.provider_id, first.accepted_at) == ("accepted", f"id-of-{first.public_id}", NOW)
    assert (first.claimed_by, first.lease_until, first.attempt_count) == (None, None, 1)
    with app.db.read() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.id)).all()
        assert [(a.state, a.key) for a in attempts] == [("accepted", key) for key, _ in world.requests]
        stored = session.get_one(Rendering, first.id)
        assert (stored.to_email, len(stored.payload_hash)) == ("ada@example.com", 64)
    assert deliver(app, NOW, 100) == 0


def test_a_cart_mail_goes_before_a_newsletter(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        store, _ = shop(app, session, "Ada", "Bob", due_at=NOW - timedelta(hours=5))
        make.message(session, make.customer(session, store, "Cid"), state="ready", mail_class="reminder")
    deliver(app, NOW, 1)
    assert world.recipients == ["cid@example.com"]


@pytest.mark.parametrize("is_late", [False, True], ids=["before the claim", "after the claim"])
@pytest.mark.parametrize("what", ["suppressed", "no_consent", "expired", "no_address"])
def test_who_must_not_be_mailed_is_dropped_with_the_reason(post: tuple[App, Post], what: str, is_late: bool) -> None:
    app, world = post
    with app.db.write() as session:
        store, messages = shop(app, session, "Ada", "Bob")
    ada = messages[0]

    def change() -> None:
        with app.db.write() as session:
            if what == "suppressed":
                session.add(Suppression(store_id=store.id, email_key="ada@example.com", reason="manual", at=NOW))
            elif what == "no_consent":
                make.agree(session, session.get_one(Customer, ada.customer_id), "withdrawn", NOW)
            elif what == "expired":
                session.get_one(Message, ada.id).expires_at = NOW
            else:
                session.get_one(Customer, ada.customer_id).email_key = None

    if is_late:
        faults.arm(lambda name: change() if name == "deliver.rendered" else None)
    else:
        change()
    deliver(app, NOW, 100)
    faults.arm(None)
    assert states(app) == [("dropped", what), ("accepted", "")]
    assert world.recipients == ["bob@example.com"]


def test_a_transactional_mail_needs_no_consent_but_no_suppression_either(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        store, _ = shop(app, session)
        for name in ("Ada", "Bob"):
            customer = make.customer(session, store, name, consent=False)
            make.message(session, customer, state="ready", mail_class="transactional")
        session.add(Suppression(store_id=store.id, email_key="bob@example.com", reason="hard_bounce", at=NOW))
    deliver(app, NOW, 100)
    assert world.recipients == ["ada@example.com"]


def test_nothing_leaves_while_something_is_paused_and_all_of_it_afterwards(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        store, messages = shop(app, session, "Ada")
        campaign = Campaign(
            public_id="c", store_id=store.id, name="c", state="live", draft={}, created_at=NOW, updated_at=NOW
        )
        session.add(campaign)
        session.add(Installation(id=1, instance_id="i", created_at=NOW))
        session.flush()
        session.get_one(Message, messages[0].id).campaign_id = campaign.id
    pauses: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        (update(Installation), {"is_paused": True}, {"is_paused": False}),
        (update(Store), {"is_paused": True}, {"is_paused": False}),
        (update(Campaign), {"state": "paused"}, {"state": "live"}),
        (update(Connection), {"state": "paused"}, {"state": "active"}),
        (update(Connection), {"not_before": NOW + timedelta(hours=1)}, {"not_before": NOW}),
    ]
    for statement, pause, resume in pauses:
        with app.db.write() as session:
            session.execute(statement.values(**pause))
        assert deliver(app, NOW, 100) == 0
        with app.db.write() as session:
            session.execute(statement.values(**resume))
    deliver(app, NOW, 100)
    assert world.recipients == ["ada@example.com"]


def test_a_campaign_paused_after_the_claim_keeps_its_mails(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")

    def pause(name: str) -> None:
        if name == "deliver.rendered":
            with app.db.write() as session:
                session.execute(update(Store).values(is_paused=True))

    faults.arm(pause)
    deliver(app, NOW, 100)
    faults.arm(None)
    assert (states(app), world.requests) == ([("ready", "")], [])


def test_each_outcome_of_a_batch_is_recorded_for_its_own_message(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid")
    world.send = lambda *_: [
        Accepted("1"),
        Refused("it is on our list", code="406", suppress=True),
        Later("mailbox busy", after=timedelta(minutes=10)),
    ]
    deliver(app, NOW, 100)
    ada, bob, cid = rows(app)
    assert (ada.state, ada.provider_id) == ("accepted", "1")
    assert (bob.state, bob.reason, bob.reason_detail) == (
        "rejected",
        "suppressed_by_provider",
        "406: it is on our list",
    )
    assert cid.state == "retry"
    assert timedelta(minutes=10) <= cid.due_at - NOW <= timedelta(minutes=12.5)
    with app.db.read() as session:
        assert session.scalars(select(Suppression.email_key)).all() == ["bob@example.com"]
        assert session.scalars(select(Attempt.state)).all() == ["partial"]


def test_one_bad_mail_does_not_spoil_its_batch(post: tuple[App, Post]) -> None:
    app, world = post

    def refuse(mails: Sequence[Mail], key: str) -> list[Outcome]:
        if any(m.to_email.startswith("bob") for m in mails):
            raise Refused("one of them is no good")
        return accept_all(mails, key)

    world.send = refuse
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid", "Dan")
    deliver(app, NOW, 100)
    assert [s for s, _ in states(app)] == ["accepted", "rejected", "accepted", "accepted"]
    assert [m.attempt_count for m in rows(app)] == [1, 1, 1, 1]


def test_a_busy_provider_is_left_alone(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    world.send = busy
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid", "Dan")
    deliver(app, NOW, 100)
    assert len(world.requests) == 1
    assert [s for s, _ in states(app)] == ["retry", "retry", "retry", "ready"]
    assert deliver(app, clock.turn(timedelta(seconds=10)), 100) == 0
    world.send = accept_all
    deliver(app, clock.turn(timedelta(minutes=2)), 100)
    assert {s for s, _ in states(app)} == {"accepted"}


def test_waits_grow_and_what_failed_together_does_not_come_back_together(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, world = post
    world.send = busy
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob")
    waits = []
    for _ in range(4):
        deliver(app, clock(), 100)
        ada, bob = rows(app)
        assert ada.due_at != bob.due_at
        waits.append(ada.due_at - clock())
        clock.turn(max(ada.due_at, bob.due_at) - clock())
    assert waits == sorted(waits)
    assert timedelta(minutes=8) <= waits[-1] <= timedelta(minutes=10)


def test_after_too_many_attempts_it_is_given_up(post: tuple[App, Post]) -> None:
    app, world = post
    world.send = lambda mails, _: [Later("busy") for _ in mails]
    with app.db.write() as session:
        shop(app, session, "Ada", attempt_count=11)
    deliver(app, NOW, 100)
    assert states(app) == [("rejected", "retries_exhausted")]


def test_wrong_settings_break_the_connection_in_words_and_lose_no_mail(post: tuple[App, Post]) -> None:
    app, world = post

    def misconfigured(mails: Sequence[Mail], key: str) -> list[Outcome]:
        raise Misconfigured("The token is not known.")

    world.send = misconfigured
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid", "Dan")
    deliver(app, NOW, 100)
    assert {m.state for m in rows(app)} == {"ready"}
    assert len(world.requests) == 1
    with app.db.read() as session:
        connection = session.scalars(select(Connection)).one()
        assert connection.state == "broken"
        assert connection.state_reason == "The provider turned our mails away: The token is not known."


def test_a_broken_template_parks_its_own_messages_only(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        _, messages = shop(app, session, "Ada", "Bob")
        broken = make.template(session, session.scalars(select(Store)).one(), "broken")
        session.get_one(Message, messages[0].id).template_version_id = broken.id
        broken.names = []  # so that the renderer misses the customer
    deliver(app, NOW, 100)
    assert states(app) == [("parked", "template_broken"), ("accepted", "")]
    assert world.recipients == ["bob@example.com"]


def test_one_stores_trouble_does_not_keep_another_waiting(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        store, _ = shop(app, session, "Ada")
        session.execute(update(Connection).values(secrets=b"\x01" + b"x" * 40))
        shop(app, session, "Bob")
    deliver(app, NOW, 100)
    assert world.recipients == ["bob@example.com"]
    with app.db.read() as session:
        assert session.scalar(select(Connection.state).where(Connection.store_id == store.id)) == "broken"


def test_a_retry_is_made_of_what_the_first_attempt_was_made_of(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    world.send = lambda mails, _: [Later("busy") for _ in mails]
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    with app.db.write() as session:
        session.execute(update(Customer).values(first_name="Augusta"))
        session.execute(update(Store).values(sender_name="Other"))
    world.send = accept_all
    clock.turn(timedelta(minutes=5))
    deliver(app, clock(), 100)
    assert world.mails[0] == world.mails[1]
    assert states(app) == [("accepted", "")]


def test_a_retry_that_would_be_another_mail_is_parked(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    world.send = lambda mails, _: [Later("busy") for _ in mails]
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    with app.db.write() as session:
        session.execute(update(Rendering).values(payload_hash="0" * 64))
    clock.turn(timedelta(minutes=5))
    deliver(app, clock(), 100)
    assert states(app) == [("parked", "payload_changed")]
    assert len(world.requests) == 1


def test_a_retry_is_not_sent_to_an_address_that_the_customer_left(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    world.send = lambda mails, _: [Later("busy") for _ in mails]
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    with app.db.write() as session:
        session.execute(update(Customer).values(email="new@example.com", email_key="new@example.com"))
    clock.turn(timedelta(minutes=5))
    deliver(app, clock(), 100)
    assert states(app) == [("dropped", "address_changed")]


def test_a_mail_tried_again_keeps_the_date_of_its_first_attempt(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    world.send = busy
    deliver(app, NOW, 100)
    world.send = accept_all
    deliver(app, NOW + timedelta(minutes=5), 100)
    assert [m.dated_at for m in world.mails] == [NOW, NOW]


@pytest.mark.parametrize("state", ["ready", "retry"])
def test_a_mail_that_waited_long_is_judged_again_before_it_leaves(post: tuple[App, Post], state: str) -> None:
    app, world = post
    stale: dict[str, Any] = {"stale_at": NOW, "decided_at": NOW - timedelta(minutes=15)}
    with app.db.write() as session:
        store, (ada, *_) = shop(app, session, "Ada", "Bob", "Cid", **stale, state=state)
        # Ada has had a mail meanwhile, Bob's campaign was put away, nothing has changed for Cid.
        person = session.get_one(Customer, ada.customer_id)
        at = NOW - timedelta(hours=1)
        make.message(session, person, state="accepted", accepted_at=at, decided_at=at, created_at=at)
        campaign = make.campaign(app, session, store)
        campaign.state = "archived"
        session.flush()
        session.execute(update(Message).where(Message.id == ada.id + 1).values(campaign_id=campaign.id))
    deliver(app, NOW, 100)
    assert [(m.state, m.reason) for m in rows(app)[:3]] == [
        ("draft", "gap"),
        ("dropped", "campaign_stopped"),
        ("accepted", ""),
    ]
    assert world.recipients == ["cid@example.com"]
    assert rows(app)[0].due_at == NOW + timedelta(hours=19)
    with app.db.read() as session:
        said = session.execute(select(Decision.message_id, Decision.outcome).order_by(Decision.id)).all()
    assert [tuple(row) for row in said] == [(ada.id, "defer"), (ada.id + 1, "drop")]


def test_what_was_decided_on_lately_is_not_asked_again(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        _, (ada,) = shop(app, session, "Ada", stale_at=NOW + timedelta(minutes=1), decided_at=NOW)
        person = session.get_one(Customer, ada.customer_id)
        make.message(session, person, state="accepted", accepted_at=NOW, decided_at=NOW)
    deliver(app, NOW, 100)
    assert world.recipients == ["ada@example.com"]


@pytest.mark.parametrize("is_late", [False, True], ids=["before the claim", "after the claim"])
def test_a_rest_stops_newsletters_at_the_last_look_and_reminders_never(
    post: tuple[App, Post], *, is_late: bool
) -> None:
    app, world = post
    with app.db.write() as session:
        store, _ = shop(app, session, "Ada", mail_class="promotional")
        make.message(session, make.customer(session, store, "Bob"), state="ready", mail_class="lifecycle")
        make.message(session, make.customer(session, store, "Cid"), state="ready", mail_class="reminder")

    def rest(name: str = "deliver.rendered") -> None:
        if name == "deliver.rendered":
            with app.db.write() as session:
                session.execute(update(Customer).values(paused_until=NOW + timedelta(days=1)))

    if is_late:
        faults.arm(rest)
    else:
        rest()
    deliver(app, NOW, 100)
    faults.arm(None)
    assert states(app)[:2] == [("dropped", "paused")] * 2
    assert world.recipients == ["cid@example.com"]
