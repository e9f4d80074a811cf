"""Days that are over are counted once, held against their usual, and told of on the home page and by mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from automation import alerts, cursors
from automation.actions import admins
from automation.app import App
from automation.clock import TurnableClock
from automation.insights import daily
from automation.models import Admin, Alert, Campaign, Conversion, Customer, Message, MessageEvent, SeriesDay, Store
from automation.stages.tell import EVERY, tell
from automation.stages.warn import warn
from tests import make
from tests.conftest import NOW
from tests.fakes import Post

DAY = timedelta(days=1)


class Desk:
    """A store in Berlin with a campaign that has been live for long."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.orders = 0
        with app.db.write() as session:
            self.store = make.store(session)
            self.campaign = make.campaign(app, session, self.store)
            session.execute(update(Campaign).values(live_since=NOW - 300 * DAY))
            self.who = make.customer(session, self.store)

    def start(self) -> None:
        """All days but the last were looked at."""
        with self.app.db.write() as session:
            cursors.move(session, f"warn:{self.store.id}", (NOW - 2 * DAY).date().toordinal(), NOW)

    def send(
        self, at: datetime, count: int, *, clicks: int = 0, orders: Sequence[int] = (), complaints: int = 0
    ) -> None:
        """Mails of the campaign that left at an instant, with what came of them an hour later."""
        with self.app.db.write() as session:
            who, store = session.get_one(Customer, self.who.id), session.get_one(Store, self.store.id)
            mails = [
                make.message(
                    session,
                    who,
                    campaign_id=self.campaign.id,
                    state="accepted",
                    accepted_at=at,
                    created_at=at,
                    clicked_at=at + timedelta(hours=1) if n < clicks else None,
                )
                for n in range(count)
            ]
            for n in range(complaints):
                session.add(
                    MessageEvent(
                        message_id=mails[n].id, type="complaint", at=at, external_id=f"{at} {n}", recorded_at=at
                    )
                )
            for total in orders:
                self.orders += 1
                order = make.order(session, store, who, at, f"o{self.orders}", total=total)
                session.add(
                    Conversion(
                        order_id=order.id,
                        store_id=store.id,
                        campaign_id=self.campaign.id,
                        message_id=mails[0].id,
                        clicked_at=at,
                        at=at,
                    )
                )

    def series(self, what: str) -> dict[date, tuple[float, int | None]]:
        """What was kept of a figure."""
        with self.app.db.read() as session:
            name = f"campaign/{self.campaign.id}/{what}"
            rows = session.scalars(select(SeriesDay).where(SeriesDay.series == name))
            return {row.on: (row.value, row.of) for row in rows}

    def remember(self, what: str, value: float, of: int | None = None) -> None:
        """Ten weeks of a figure, as if they had been counted."""
        chance = Random(what)
        with self.app.db.write() as session:
            daily.keep(
                session,
                [
                    {
                        "store_id": self.store.id,
                        "series": f"campaign/{self.campaign.id}/{what}",
                        "on": (NOW - n * DAY).date(),
                        "value": round(value * chance.uniform(0.9, 1.1)),
                        "of": of,
                    }
                    for n in range(2, 75)
                ],
            )

    def texts(self) -> list[str]:
        with self.app.db.read() as session:
            return list(session.scalars(select(Alert.text).order_by(Alert.id)))


@pytest.fixture
def desk(app: App) -> Desk:
    return Desk(app)


def test_a_day_is_counted_in_the_store_s_zone_by_one_cut_off(app: App, desk: Desk, clock: TurnableClock) -> None:
    # Berlin is an hour ahead: 23:30 of Sunday in UTC is Monday there.
    desk.send(datetime.fromisoformat("2026-03-08T23:30+00:00"), 30, clicks=12, orders=[5_000, 3_000], complaints=1)
    desk.send(datetime.fromisoformat("2026-03-08T12:00+00:00"), 25, clicks=5)
    desk.send(NOW, 9)
    assert warn(app, clock(), 1000) == daily.HISTORY + 1
    monday, sunday = date(2026, 3, 9), date(2026, 3, 8)
    volume = desk.series("volume")
    assert (volume[sunday], volume[monday]) == ((25, None), (30, None))
    assert volume[date(2026, 3, 2)] == (0, None)
    assert max(volume) == monday
    assert desk.series("clicks")[sunday] == (5, 25)
    assert monday not in desk.series("clicks"), "its clicks may still come"
    assert desk.series("revenue")[monday] == (8_000, None)
    assert desk.series("complaints")[monday] == (1, None)
    assert warn(app, clock(), 1000) == 0
    clock.turn(DAY)
    assert warn(app, clock(), 1000) == 1
    assert desk.series("clicks")[monday] == (12, 30)


def test_a_day_out_of_the_band_is_told_with_where_to_look(app: App, desk: Desk, clock: TurnableClock) -> None:
    desk.start()
    for what, value, of in (
        ("volume", 100, None),
        ("clicks", 60, 300),
        ("revenue", 90_000, None),
        ("complaints", 0, None),
    ):
        desk.remember(what, value, of)
    desk.send(NOW - DAY, 20, complaints=15, orders=[400])
    warn(app, clock(), 1000)
    texts = desk.texts()
    assert [text.partition(":")[0].partition(" ")[0] for text in texts] == ["Mails", "Spam", "Revenue"]
    assert texts[2].startswith(f"Revenue by clicks in {desk.campaign.name}: 4.00 EUR on Monday, 9 March.")
    with app.db.read() as session:
        assert session.scalars(select(Alert.place).distinct()).all() == [f"/campaigns/{desk.campaign.public_id}"]


def test_a_campaign_that_was_just_begun_or_is_paused_is_not_watched(app: App, desk: Desk, clock: TurnableClock) -> None:
    desk.start()
    desk.remember("volume", 100)
    with app.db.write() as session:
        session.execute(update(Campaign).values(state="paused"))
    warn(app, clock(), 1000)
    assert desk.texts() == []
    with app.db.write() as session:
        session.execute(update(Campaign).values(state="live", live_since=NOW))
    clock.turn(DAY)
    warn(app, clock(), 1000)
    assert desk.texts() == []


def test_days_missed_long_ago_are_counted_without_an_alarm(app: App, desk: Desk, clock: TurnableClock) -> None:
    desk.start()
    desk.remember("volume", 30)
    desk.send(NOW - DAY, 30)
    warn(app, clock(), 1000)
    for n in range(1, 6):
        desk.send(NOW + n * DAY, 30)
    clock.turn(7 * DAY)  # of the days between, the first and the last have no mails
    assert warn(app, clock(), 3) == 3
    assert warn(app, clock(), 1000) == 4
    assert [text.partition(" on ")[2].partition(".")[0] for text in desk.texts()] == ["Monday, 16 March"]


def test_a_day_costs_the_same_few_statements_however_much_happened(app: App, desk: Desk, clock: TurnableClock) -> None:
    desk.start()
    warn(app, clock(), 1000)
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for mails in (2, 60):
        desk.send(clock(), mails, clicks=mails, orders=[900] * mails)
        clock.turn(DAY)
        statements.clear()
        assert warn(app, clock(), 10) == 1
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_alerts_are_mailed_once_to_those_who_want_them(post: tuple[App, Any], clock: TurnableClock) -> None:
    app, world = post
    desk = Desk(app)
    desk.start()
    with app.db.write() as session:
        make.connection(app, session, session.get_one(Store, desk.store.id), "provider", "scripted")
        ids = [admins.create_admin(session, f"{n}@wren.example.com", NOW).id for n in ("may", "june")]
        admins.want_mails(session, session.get_one(Admin, ids[0]), NOW, wanted=True)
    desk.remember("volume", 100)
    clock.turn(timedelta(hours=1))
    warn(app, clock(), 1000)
    assert isinstance(world, Post)
    assert tell(app, clock(), 10) == 1
    (mail,) = world.mails
    assert mail.to_email == "may@wren.example.com"
    assert mail.subject == "One thing to see to at Wren & Thistle"
    assert desk.texts()[0] in mail.text
    clock.turn(EVERY)
    assert tell(app, clock(), 10) == 0
    with app.db.write() as session:
        alerts.mute(session, desk.store.id, session.scalars(select(Alert.id)).one(), ids[0], clock(), 30)
        assert session.scalar(select(func.count()).select_from(Message)) == 0
