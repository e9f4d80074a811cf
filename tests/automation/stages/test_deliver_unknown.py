from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import httpx
import orjson
import pytest
from sqlalchemy import select, update

from automation.app import App
from automation.clock import TurnableClock
from automation.errors import Later, Misconfigured, Unsure
from automation.models import Attempt, Connection, Customer, Message, Suppression
from automation.provider import Accepted, Mail, Outcome
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import Died, die_at, rows, shop, states
from tests.conftest import NOW, Net
from tests.fakes import Post, accept_all, scripted

SETTLED = timedelta(minutes=6)
"""Longer than the settle delay."""


def silent(mails: Sequence[Mail], key: str) -> list[Outcome]:
    """The request left, and no answer came."""
    raise Unsure("no answer")


def left_unknown(app: App, world: Post, *names: str, **values: str) -> list[Message]:
    """Messages whose one request got no answer."""
    world.send = silent
    with app.db.write() as session:
        shop(app, session, *names, **values)
    deliver(app, NOW, 100)
    world.send = accept_all
    assert {s for s, _ in states(app)} == {"unknown"}
    return rows(app)


def test_with_a_key_the_same_batch_is_sent_again_under_the_same_key(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "A")
    left_unknown(app, world, "Ada", "Bob")
    with app.db.write() as session:
        session.execute(update(Customer).values(first_name="Other"))
    deliver(app, clock.turn(timedelta(minutes=1)), 100)
    assert len(world.requests) == 1  # not before the settle delay
    deliver(app, clock.turn(SETTLED), 100)
    first, second = world.requests
    assert first == second
    assert world.mails[:2] == world.mails[2:]
    assert states(app) == [("accepted", ""), ("accepted", "")]
    with app.db.read() as session:
        assert session.scalars(select(Attempt.state)).all() == ["accepted"]


@pytest.mark.parametrize("error", [Later("busy"), Unsure("no answer"), Misconfigured("no such key")])
def test_an_error_for_a_repeated_request_says_nothing_of_the_first(
    app: App, clock: TurnableClock, error: Exception
) -> None:
    app, world = scripted(app, "A")
    left_unknown(app, world, "Ada")

    def fail(mails: Sequence[Mail], key: str) -> list[Outcome]:
        raise error

    world.send = fail
    deliver(app, clock.turn(SETTLED), 100)
    assert states(app) == [("unknown", "no_answer")]
    with app.db.write() as session:
        session.execute(update(Connection).values(state="active"))
    world.send = accept_all
    deliver(app, clock.turn(SETTLED), 100)
    assert states(app) == [("accepted", "")]
    assert len({key for key, _ in world.requests}) == 1


def test_a_batch_is_not_repeated_once_a_recipient_was_suppressed(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "A")
    messages = left_unknown(app, world, "Ada", "Bob")
    with app.db.write() as session:
        session.add(Suppression(store_id=messages[0].store_id, email_key="ada@example.com", reason="complaint", at=NOW))
    for _ in range(3):
        deliver(app, clock.turn(SETTLED), 100)
    assert len(world.requests) == 1
    assert {s for s, _ in states(app)} == {"unknown"}
    assert rows(app)[1].reason_detail == "The same request cannot be sent again: suppressed."


def test_after_the_keys_window_nothing_is_repeated(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "A")
    left_unknown(app, world, "Ada")
    with app.db.write() as session:
        session.execute(update(Message).values(expires_at=None))
    deliver(app, clock.turn(timedelta(hours=23, minutes=1)), 100)
    deliver(app, clock.turn(timedelta(hours=2)), 100)
    assert len(world.requests) == 1
    assert states(app) == [("unknown", "unresolved")]


def test_what_the_provider_has_is_accepted_and_what_it_has_not_is_sent_again(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "B")
    ada, bob = left_unknown(app, world, "Ada", "Bob")
    world.found = {ada.public_id: Accepted("theirs"), bob.public_id: None}
    deliver(app, clock.turn(SETTLED), 100)
    assert world.asked == [[ada.public_id, bob.public_id]]
    ada, bob = rows(app)
    assert (ada.state, ada.provider_id) == ("accepted", "theirs")
    assert (bob.state, bob.attempt_count) == ("accepted", 2)
    assert world.recipients == ["ada@example.com", "bob@example.com", "bob@example.com"]


def test_what_could_not_be_asked_about_stays_unknown(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "B")
    ada, bob = left_unknown(app, world, "Ada", "Bob")
    world.found = Later("busy")
    deliver(app, clock.turn(SETTLED), 100)
    assert [s for s, _ in states(app)] == ["unknown", "unknown"]
    world.found = {bob.public_id: Accepted("theirs")}
    deliver(app, clock.turn(SETTLED), 100)
    assert [s for s, _ in states(app)] == ["unknown", "accepted"]
    world.found = {ada.public_id: None}
    with app.db.write() as session:
        session.add(Suppression(store_id=ada.store_id, email_key="ada@example.com", reason="manual", at=NOW))
    deliver(app, clock.turn(SETTLED), 100)
    assert states(app)[0] == ("dropped", "suppressed")
    assert len(world.requests) == 1


def test_marketing_is_never_sent_again_on_a_guess(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "C")
    left_unknown(app, world, "Ada")
    for _ in range(3):
        deliver(app, clock.turn(timedelta(hours=25)), 100)
    assert states(app) == [("unknown", "unresolved")]
    assert len(world.requests) == 1


def test_a_transactional_mail_is_sent_again_once_and_says_so(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "C")
    left_unknown(app, world, "Ada", mail_class="transactional")
    with app.db.write() as session:
        session.execute(update(Message).values(expires_at=None))
    world.send = silent
    deliver(app, clock.turn(timedelta(hours=25)), 100)
    assert states(app) == [("unknown", "possible_duplicate")]
    for _ in range(3):
        deliver(app, clock.turn(timedelta(hours=25)), 100)
    assert states(app) == [("unknown", "unresolved")]
    assert len(world.requests) == 2


def test_a_possible_duplicate_stays_flagged_when_it_is_accepted(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "C")
    left_unknown(app, world, "Ada", mail_class="transactional")
    with app.db.write() as session:
        session.execute(update(Message).values(expires_at=None))
    deliver(app, clock.turn(timedelta(hours=25)), 100)
    assert states(app) == [("accepted", "possible_duplicate")]


def test_what_may_have_been_sent_is_never_called_dropped(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "C")
    left_unknown(app, world, "Ada", mail_class="transactional")
    with app.db.write() as session:
        session.execute(update(Message).values(expires_at=NOW + timedelta(hours=20)))
    deliver(app, clock.turn(timedelta(hours=25)), 100)
    assert states(app) == [("unknown", "unresolved")]
    assert len(world.requests) == 1


def test_what_left_with_a_dead_worker_is_found_out_about_not_sent_again(app: App, clock: TurnableClock) -> None:
    app, world = scripted(app, "B")
    with app.db.write() as session:
        shop(app, session, "Ada")
    die_at("deliver.sent")
    with pytest.raises(Died):
        deliver(app, NOW, 100)
    deliver(app, clock.turn(timedelta(minutes=3)), 100)
    assert states(app) == [("unknown", "worker_died")]
    ada = rows(app)[0]
    world.found = {ada.public_id: Accepted("theirs")}
    deliver(app, clock.turn(SETTLED), 100)
    assert (states(app), len(world.requests)) == ([("accepted", "")], 1)


@pytest.mark.parametrize("point", ["ladder.claimed", "ladder.asked", "ladder.journalled"])
def test_a_worker_that_dies_finding_out_leaves_it_to_the_next(app: App, clock: TurnableClock, point: str) -> None:
    app, world = scripted(app, "B")
    (ada,) = left_unknown(app, world, "Ada")
    world.found = {ada.public_id: Accepted("theirs")}
    die_at(point)
    with pytest.raises(Died):
        deliver(app, clock.turn(SETTLED), 100)
    deliver(app, clock.turn(SETTLED), 100)
    assert (states(app), len(world.requests)) == ([("accepted", "")], 1)


def test_an_adapter_that_fails_is_taken_for_no_answer(app: App) -> None:
    app, world = scripted(app, "B")

    def stumble(mails: Sequence[Mail], key: str) -> list[Outcome]:
        raise KeyError("MessageID")

    world.send = stumble
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    assert states(app) == [("unknown", "no_answer")]


def test_resend_gets_the_same_bytes_under_the_same_key(app: App, net: Net, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "resend", api_key="re_1234567890")
        for name in ("Ada", "Bob"):
            make.message(session, make.customer(session, store, name), state="ready")

    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    net.answer = lose
    deliver(app, NOW, 100)
    net.answer = lambda r: httpx.Response(
        200, json={"data": [{"id": str(n)} for n in range(len(orjson.loads(r.read())))]}
    )
    deliver(app, clock.turn(SETTLED), 100)
    first, second = net.requests
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert [(m.state, m.provider_id) for m in rows(app)] == [("accepted", "0"), ("accepted", "1")]


def test_postmark_is_searched_by_our_id(app: App, net: Net, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "postmark", server_token="a-token-of-tests")
        make.message(session, make.customer(session, store, "Ada"), state="ready")
    net.answer = lambda _: httpx.Response(500)
    deliver(app, NOW, 100)
    ada = rows(app)[0]
    assert ada.state == "unknown"

    def search(request: httpx.Request) -> httpx.Response:
        asked = request.url.params["metadata_message_id"]
        assert asked == ada.public_id
        return httpx.Response(200, json={"Messages": [{"MessageID": "pm", "Metadata": {"message_id": asked}}]})

    net.answer = search
    deliver(app, clock.turn(SETTLED), 100)
    assert [(m.state, m.provider_id) for m in rows(app)] == [("accepted", "pm")]
