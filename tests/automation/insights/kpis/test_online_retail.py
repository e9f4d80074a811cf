"""On a year of a real shop, half a million lines, every key figure equals an independent computation to the penny."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation.database import Database
from automation.insights.attribution import crediting
from automation.insights.attribution.rules import Window
from automation.insights.periods import Period
from automation.insights.report import Asked, report
from automation.insights.touches.channels import CHANNELS, DEVICES
from automation.models import Conversion, Message, MessageEvent, Order, Record, Store
from automation.upsert import table_of
from tests import make
from tests.automation.insights.kpis import oracle, retail
from tests.automation.insights.kpis.oracle import Frames

pytestmark = pytest.mark.skipif(not retail.FILE.exists(), reason="the Online Retail data set is not here")

CLICKED = [datetime(2011, month, 10, 12, tzinfo=UTC) for month in range(1, 12)]
"""Every third customer gets a mail, and clicks in it, on the tenth of each month."""
YEAR = Period(date(2010, 12, 1), date(2011, 12, 9), ZoneInfo("UTC"))
AUTUMN = Period(date(2011, 9, 1), date(2011, 11, 30), ZoneInfo("Europe/London"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Store]]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('retail') / 'retail.sqlite'}")
    Record.metadata.create_all(database.engine)
    with database.write() as session:
        store = make.store(session, currency="GBP", timezone="Europe/London")
        retail.load(session, store)
        session.flush()
        _mail(session, store)
    with database.read() as session:
        yield session, session.get_one(Store, store.id)
    database.dispose()


def _mail(session: Session, store: Store) -> None:
    """The made-up mails, and the orders that are attributed to them by our own rule."""
    version = make.template(session, store).id
    people = session.scalars(select(Order.customer_id).where(Order.customer_id.is_not(None)).distinct())
    sent = [(person, at) for person in sorted(n for n in people if n and n % 3 == 0) for at in CLICKED]
    shared = {"store_id": store.id, "template_version_id": version, "mail_class": "promotional", "rank": 3}
    session.execute(
        insert(table_of(Message)),
        [
            {
                **shared,
                **dict.fromkeys(("due_at", "created_at", "accepted_at", "clicked_at"), at),
                "id": number,
                "public_id": str(number),
                "customer_id": person,
                "state": "accepted",
            }
            for number, (person, at) in enumerate(sent, 1)
        ],
    )
    hits = [
        {"message_id": n, "type": "click", "at": at, "external_id": str(n), "recorded_at": at}
        for n, (_, at) in enumerate(sent, 1)
    ]
    session.execute(insert(table_of(MessageEvent)), hits)
    orders = session.execute(crediting.slice_of(store.id, 0, 10**9, 10**6)).all()
    for start in range(0, len(orders), 5000):
        part = orders[start : start + 5000]
        crediting.write(session, Conversion, crediting.credited_to(session, part, [{store.id: Window(5 * 86_400)}])[0])


@pytest.fixture(scope="module")
def frames() -> Frames:
    """The same, from the file alone."""
    found = retail.frames()
    orders = found["orders"]
    people = orders.customer_id.dropna().unique()
    mails = pd.DataFrame(
        [(p, at, True) for p in sorted(people) if p % 3 == 0 for at in CLICKED],
        columns=["customer_id", "accepted_at", "is_clicked"],
    )
    by_time = orders[orders.customer_id.notna()].sort_values("placed_at")
    credited = pd.merge_asof(
        by_time.assign(placed_at=by_time.placed_at.astype("datetime64[us, UTC]")),
        mails.assign(clicked_at=mails.accepted_at.astype("datetime64[us, UTC]")).sort_values("clicked_at"),
        left_on="placed_at",
        right_on="clicked_at",
        by="customer_id",
    ).dropna(subset=["clicked_at"])
    credited = credited[credited.placed_at - credited.clicked_at < pd.Timedelta(days=5)]
    nothing = pd.DataFrame(
        {"customer_id": [], "total": [], "pieces": [], "is_ordered": [], "currency": [], "status": []}
    )
    nothing["at"] = pd.Series([], dtype="datetime64[us, UTC]")
    return Frames(orders, found["items"], nothing, mails, pd.DataFrame({"order_id": credited.id}), nothing.copy())


def _rows(
    session: Session, store: Store, period: Period, by: str, currency: str = "GBP"
) -> dict[str, dict[str, object]]:
    asked = Asked(store.id, currency, period, datetime(2012, 1, 1, tzinfo=UTC), options={"by": by})
    table = report("kpis").table(session, asked)
    keys = [column.key for column in table.columns]
    return {str(row[0]): dict(zip(keys[2:], row[2:], strict=True)) for row in table.rows}


@pytest.mark.parametrize("period", [YEAR, AUTUMN, AUTUMN.before("previous")], ids=["year", "autumn", "summer"])
@pytest.mark.parametrize("currency", ["GBP", "EUR"])
def test_every_figure_of_the_store_equals_the_frames(
    shop: tuple[Session, Store], frames: Frames, period: Period, currency: str
) -> None:
    session, store = shop
    found = _rows(session, store, period, "store", currency)["All"]
    assert found == oracle.figures(frames, period.since, period.until, currency)
    assert found["orders"]


@pytest.mark.parametrize("by", ["channel", "device", "country"])
def test_so_does_every_figure_of_each_channel_device_and_country(
    shop: tuple[Session, Store], frames: Frames, by: str
) -> None:
    session, store = shop
    found = _rows(session, store, AUTUMN, by)
    words = {"channel": CHANNELS, "device": DEVICES}.get(by, {})
    values = sorted(frames.orders[(frames.orders.currency == "GBP")][by].unique())
    compared = 0
    for value in values:
        expected = oracle.figures(frames, AUTUMN.since, AUTUMN.until, "GBP", by, value)
        row = found.get(words.get(value, value))
        if row is None:
            assert expected["orders"] == expected["cancelled"] == 0
            continue
        told = {key: figure for key, figure in row.items() if figure is not None and key not in _OF_MAILS}
        assert told == {key: expected[key] for key in told}
        compared += 1
    assert compared >= 3


_OF_MAILS = {"mails", "recipients", "click_rate", "mail_conversion", "per_mail", "per_recipient"}


def test_a_year_earlier_is_the_same_days(shop: tuple[Session, Store]) -> None:
    session, store = shop
    asked = Asked(
        store.id, "GBP", Period(date(2011, 12, 1), date(2011, 12, 9), ZoneInfo("UTC")), datetime.now(UTC), "year"
    )
    rows = report("kpis").table(session, asked).rows
    before = Period(date(2010, 12, 1), date(2010, 12, 9), ZoneInfo("UTC"))
    alone = _rows(session, store, before, "store")["All"]
    assert list(rows[1][2:]) == list(alone.values())
    assert before.until - before.since == timedelta(days=9)
