from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

import orjson
import pytest

from automation import faults
from automation.actions import connections
from automation.app import App
from automation.changes import Change, CustomerChanged
from automation.clock import TurnableClock
from automation.errands import OVERLAP, standing
from automation.errors import BadSignature, CartwheelError, Later, Misconfigured, Refused, Unreadable, Unsure
from automation.intake import store
from automation.models import Connection, Customer, Errand, InboundWebhook, Record
from automation.platform import Envelope, Page, Platform, PlatformSettings, Request
from automation.stages.listen import listen
from automation.stages.poll import LEASE, MAX_LOOK_UPS, poll
from tests import make
from tests.conftest import NOW

R = TypeVar("R", bound=Record)


@dataclass
class Script:
    """What the corner shop does, and what it was asked."""

    pages: Callable[[datetime | None, str | None], Page] = lambda _since, _cursor: Page([])
    fetched: Callable[[Envelope], bytes] = lambda envelope: envelope.body
    subscribed: Callable[[str], str] = lambda url: f"It sends to {url}."
    asked: list[tuple[datetime | None, str | None]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)


class Corner(Platform):
    """A corner shop."""

    label = "Corner"
    kind = "corner"
    Settings = PlatformSettings
    topics = frozenset({"customer"})
    script: ClassVar[Script]

    @property
    def has_api(self) -> bool:
        return True

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        return [person(orjson.loads(envelope.body)["name"])]

    def fetch(self, envelope: Envelope) -> Envelope:
        self.script.looked_up.append(envelope.delivery_id)
        return replace(envelope, body=self.script.fetched(envelope), is_bare=False)

    def subscribe(self, url: str) -> str:
        return self.script.subscribed(url)

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        self.script.asked.append((since, cursor))
        return self.script.pages(since, cursor)


def person(name: str) -> CustomerChanged:
    return CustomerChanged(email=f"{name}@example.com", first_name=name)


class Town:
    """An installation with one corner shop."""

    def __init__(self, app: App, clock: TurnableClock) -> None:
        self.script = Script()
        kind = type("CornerKind", (Corner,), {"script": self.script})
        self.app = replace(app, platforms={**app.platforms, "corner": kind})
        self.clock = clock

    def connect(self) -> Connection:
        with self.app.db.write() as session:
            store = make.store(session)
            return connections.add(
                self.app,
                session,
                store_id=store.id,
                role="platform",
                kind="corner",
                name="Corner",
                settings=PlatformSettings(),
                now=self.clock(),
            )

    def poll(self) -> int:
        return poll(self.app, self.clock(), 50)

    def rest(self, rounds: int = 50) -> None:
        """Poll until there is nothing to do."""
        for _ in range(rounds):
            if not self.poll():
                return
        raise AssertionError("it never rests")

    def rows(self, model: type[R]) -> list[R]:
        with self.app.db.read() as session:
            found = session.query(model).order_by(*model.__table__.primary_key.columns).all()  # type: ignore[attr-defined]  # a table has one
            session.expunge_all()
            return found

    def errand(self, kind: str) -> Errand:
        (found,) = [errand for errand in self.rows(Errand) if errand.kind == kind]
        return found

    def names(self) -> list[str]:
        return sorted(customer.first_name for customer in self.rows(Customer))

    def arrive(self, connection: Connection, delivery: str) -> None:
        """A webhook that only names a customer came in."""
        with self.app.db.write() as session:
            shop = session.get_one(Connection, connection.id)
            envelope = Envelope(delivery, "customer", b'{"id": 1}', self.clock(), is_bare=True)
            store(session, shop, envelope, self.clock(), is_known=True)


@pytest.fixture
def town(app: App, clock: TurnableClock) -> Town:
    return Town(app, clock)


def raising(error: CartwheelError) -> Callable[..., Page]:
    def fail(*_: object) -> Page:
        raise error

    return fail


def three_pages(_since: datetime | None, cursor: str | None) -> Page:
    number = int(cursor or 1)
    following = str(number + 1) if number < 3 else None
    return Page([person(f"ada{number}")], following, number / 3)


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


def test_a_subscription_that_the_shop_took_away_comes_back_within_hours(town: Town) -> None:
    there: set[str] = set()

    def subscribe(url: str) -> str:
        there.add(url)
        return "It sends."

    town.script.subscribed = subscribe
    town.connect()
    town.rest()
    there.clear()  # it failed too often; nobody was told
    for _ in range(5):
        town.clock.turn(timedelta(hours=1))
        town.rest()
    assert there == set(), "it was looked after lately"
    town.clock.turn(timedelta(hours=1))
    town.rest()
    assert len(there) == 1
    assert town.errand("subscribe").state == "done"


def test_after_five_days_away_the_gap_is_asked_for_and_the_subscription_looked_after(town: Town) -> None:
    calls: list[str] = []
    town.script.subscribed = lambda url: calls.append(url) or "It sends."  # type: ignore[func-returns-value]  # on purpose
    town.connect()
    town.rest()
    town.clock.turn(timedelta(hours=1))
    town.rest()
    town.script.asked.clear()
    calls.clear()
    last = town.clock()
    town.clock.turn(timedelta(days=5))
    town.script.pages = three_pages
    town.rest()
    assert town.script.asked == [(last - OVERLAP, None), (last - OVERLAP, "2"), (last - OVERLAP, "3")]
    assert town.names() == ["ada1", "ada2", "ada3"]
    assert len(calls) == 1
    assert town.errand("reconcile").due_at == town.clock() + timedelta(hours=1)


def test_a_subscription_that_was_refused_waits_for_a_person(town: Town) -> None:
    def refuse(_url: str) -> str:
        raise Refused("No.")

    town.script.subscribed = refuse
    town.connect()
    town.rest()
    town.clock.turn(timedelta(days=1))
    town.rest()
    assert (town.errand("subscribe").state, town.errand("subscribe").message) == ("failed", "No.")


def test_a_back_fill_says_how_far_it_is_and_when_it_will_be_done(town: Town) -> None:
    def pages(_since: datetime | None, cursor: str | None) -> Page:
        number = int(cursor or 1)
        return Page([person(f"ada{number}")], str(number + 1) if number < 4 else None, number / 4)

    town.script.pages = pages
    town.connect()
    assert standing(town.errand("back_fill"), town.clock()).expected is None
    town.poll()
    town.clock.turn(timedelta(minutes=1))
    town.poll()
    half = standing(town.errand("back_fill"), town.clock())
    assert (half.state, half.share, half.done, half.expected) == ("reading", 0.5, 2, 4)
    assert half.ends_at == town.clock() + timedelta(minutes=1)
    town.script.pages = raising(Later("503: busy"))
    town.poll()
    stuck = standing(town.errand("back_fill"), town.clock())
    assert (stuck.is_stuck, stuck.message, stuck.done, stuck.ends_at) == (True, "503: busy", 2, None)
    town.script.pages = pages
    town.clock.turn(timedelta(minutes=1))
    town.rest()
    whole = standing(town.errand("back_fill"), town.clock())
    assert (whole.state, whole.share, whole.done, whole.expected, whole.next_at) == ("done", 1.0, 4, 4, None)
    assert not whole.is_stuck
