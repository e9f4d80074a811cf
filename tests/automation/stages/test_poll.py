from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from automation import faults
from automation.actions import connections
from automation.app import App
from automation.clock import TurnableClock
from automation.errors import Later, Misconfigured, Unreadable, Unsure
from automation.models import Connection, Errand, InboundWebhook
from automation.platform import Envelope, Page, PlatformSettings
from automation.stages.listen import listen
from automation.stages.poll import LEASE, MAX_LOOK_UPS
from tests.automation.stages.corner import Town, person, raising, three_pages
from tests.conftest import NOW


@pytest.fixture
def town(app: App, clock: TurnableClock) -> Town:
    return Town(app, clock)


def test_a_shop_that_was_connected_is_subscribed_to_and_read_to_its_end(town: Town) -> None:
    town.script.pages = three_pages
    shop = town.connect()
    town.rest()
    assert town.names() == ["ada1", "ada2", "ada3"]
    back_fill = town.errand("back_fill")
    assert (back_fill.state, back_fill.progress, back_fill.taken) == ("done", 1.0, 3)
    assert town.errand("subscribe").message == f"It sends to https://mail.example.com/hooks/{shop.public_id}."
    assert town.errand("reconcile").state == "waiting"
    assert town.script.asked == [(None, None), (None, "2"), (None, "3")]


def test_progress_shows_while_it_reads(town: Town) -> None:
    town.script.pages = three_pages
    town.connect()
    town.poll()
    back_fill = town.errand("back_fill")
    assert (back_fill.state, back_fill.cursor, round(back_fill.progress, 2)) == ("waiting", "2", 0.33)


def test_a_crash_loses_no_page_and_takes_none_twice(town: Town) -> None:
    town.script.pages = three_pages
    town.connect()
    town.poll()

    def die(point: str) -> None:
        if point == "poll.fetched":
            raise KeyboardInterrupt

    faults.arm(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            town.poll()
    finally:
        faults.arm(None)
    assert town.poll() == 0, "the claim of whoever died still holds"
    town.clock.turn(LEASE)
    town.rest()
    assert town.names() == ["ada1", "ada2", "ada3"]
    assert town.errand("back_fill").taken == 3


def test_what_a_claim_that_was_overtaken_brings_is_dropped(town: Town) -> None:
    town.connect()
    town.rest()

    def slow(_since: datetime | None, _cursor: str | None) -> Page:
        with town.app.db.write() as session:
            session.query(Errand).filter_by(kind="reconcile").update({"fence": 99})
        return Page([person("late")])

    town.script.pages = slow
    town.clock.turn(timedelta(hours=1))
    town.poll()
    assert town.names() == []


def test_what_webhooks_missed_is_asked_for_every_hour_from_a_little_before_the_last_round(town: Town) -> None:
    town.connect()
    town.rest()
    town.script.asked.clear()
    town.clock.turn(timedelta(hours=1))
    town.rest()
    town.clock.turn(timedelta(hours=1))
    town.rest()
    assert town.script.asked == [
        (NOW - timedelta(minutes=10), None),
        (NOW + timedelta(minutes=50), None),
    ]


def test_a_shop_that_asks_to_wait_is_left_alone_as_long(town: Town) -> None:
    town.script.pages = raising(Later("busy", after=timedelta(minutes=7)))
    town.connect()
    town.rest()
    back_fill = town.errand("back_fill")
    assert (back_fill.state, back_fill.due_at, back_fill.message) == ("waiting", NOW + timedelta(minutes=7), "busy")
    town.script.pages = three_pages
    town.clock.turn(timedelta(minutes=7))
    town.rest()
    assert town.errand("back_fill").state == "done"
    assert town.errand("back_fill").message == ""


def test_a_shop_in_trouble_is_asked_ever_less_often(town: Town) -> None:
    town.script.pages = raising(Unsure("nobody answers"))
    town.connect()
    waits = []
    for _ in range(8):
        before = town.clock()
        town.rest()
        waits.append((town.errand("back_fill").due_at - before) // timedelta(minutes=1))
        town.clock.turn(town.errand("back_fill").due_at - before)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_keys_that_the_shop_does_not_accept_stop_everything_until_others_are_entered(town: Town) -> None:
    town.script.pages = raising(Misconfigured("401: no such key"))
    shop = town.connect()
    town.rest()
    assert (town.errand("back_fill").state, town.errand("back_fill").message) == ("failed", "401: no such key")
    (row,) = town.rows(Connection)
    assert (row.state, row.state_reason) == ("broken", "The shop turned us away: 401: no such key")
    town.script.pages = three_pages
    town.clock.turn(timedelta(days=1))
    assert town.poll() == 0
    with town.app.db.write() as session:
        row = session.get_one(Connection, shop.id)
        connections.change(town.app, session, row, name="", settings=PlatformSettings(), now=town.clock())
    town.rest()
    assert town.errand("back_fill").state == "done"
    assert town.names() == ["ada1", "ada2", "ada3"]


def test_a_shop_that_may_be_read_but_not_subscribed_to_is_read(town: Town) -> None:
    def refuse(_url: str) -> str:
        raise Misconfigured("403: read only")

    town.script.subscribed = refuse
    town.script.pages = three_pages
    town.connect()
    town.rest()
    assert town.errand("subscribe").state == "failed"
    assert town.rows(Connection)[0].state == "active"
    assert len(town.names()) == 3


def test_what_could_not_be_read_is_counted_and_the_first_reasons_are_kept(town: Town) -> None:
    town.script.pages = lambda _s, _c: Page([person("ada")], None, 1.0, ["7: total is missing."])
    town.connect()
    town.rest()
    back_fill = town.errand("back_fill")
    assert (back_fill.refused, back_fill.message, back_fill.state) == (1, "Not readable: 7: total is missing.", "done")


def test_a_bare_webhook_is_looked_up_and_then_heard(town: Town) -> None:
    shop = town.connect()
    town.rest()
    town.script.fetched = lambda _: b'{"name": "ada"}'
    town.arrive(shop, "d1")
    assert listen(town.app, NOW, 10) == 0, "nobody can read it yet"
    assert town.poll() == 1
    assert listen(town.app, NOW, 10) == 1
    assert town.names() == ["ada"]
    assert town.rows(InboundWebhook)[0].state == "processed"


def test_a_look_up_that_fails_is_tried_again_and_one_day_given_up(town: Town) -> None:
    shop = town.connect()
    town.rest()

    def busy(_: Envelope) -> bytes:
        raise Later("503: busy")

    town.script.fetched = busy
    town.arrive(shop, "d1")
    for _ in range(MAX_LOOK_UPS):
        assert town.poll() == 1
        town.rest()
        town.clock.turn(timedelta(minutes=61))
        with town.app.db.write() as session:  # only the webhook is looked at here
            session.query(Errand).delete()
    (row,) = town.rows(InboundWebhook)
    assert (row.state, row.error, row.attempts) == ("failed", "503: busy", MAX_LOOK_UPS)


def test_one_that_names_nothing_fails_at_once_and_holds_up_nobody(town: Town) -> None:
    shop = town.connect()
    town.rest()

    def fetched(envelope: Envelope) -> bytes:
        if envelope.delivery_id == "d1":
            raise Unreadable("data.id is missing.")
        return b'{"name": "ada"}'

    town.script.fetched = fetched
    for delivery in ("d1", "d2"):
        town.arrive(shop, delivery)
    town.poll()
    assert [(row.state, row.error) for row in town.rows(InboundWebhook)] == [
        ("failed", "data.id is missing."),
        ("received", ""),
    ]


def test_a_shop_that_turns_us_away_is_not_asked_for_the_other_webhooks_and_none_is_lost(town: Town) -> None:
    shop = town.connect()
    town.rest()

    def refused(_: Envelope) -> bytes:
        raise Misconfigured("401: no such key")

    town.script.fetched = refused
    for delivery in ("d1", "d2"):
        town.arrive(shop, delivery)
    town.poll()
    assert town.script.looked_up == ["d1"]
    assert town.rows(Connection)[0].state == "broken"
    assert {row.state for row in town.rows(InboundWebhook)} == {"bare"}
    assert town.poll() == 0
    town.script.fetched = lambda _: b'{"name": "ada"}'
    with town.app.db.write() as session:
        connections.resume(session, session.get_one(Connection, shop.id), town.clock())
    town.poll()
    assert {row.state for row in town.rows(InboundWebhook)} == {"received"}


def test_what_was_done_can_be_done_once_more(town: Town) -> None:
    town.script.pages = three_pages
    shop = town.connect()
    town.rest()
    with town.app.db.write() as session:
        connections.repeat(session, session.get_one(Connection, shop.id), "back_fill", town.clock())
    town.rest()
    assert town.script.asked[3:] == [(None, None), (None, "2"), (None, "3")]
