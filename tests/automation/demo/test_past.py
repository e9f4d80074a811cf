from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.demo.extract import COLUMNS
from automation.demo.past import ZONE, Past, read
from tests.conftest import NOW


@pytest.fixture(scope="module")
def past() -> Past:
    return read(NOW)


def written(path: Path, *rows: tuple[str, str, str, str, str, str]) -> Path:
    """A data file of (invoice, code, quantity, date, price, customer)."""
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for invoice, code, quantity, at, price, customer in rows:
            writer.writerow([invoice, code, f"THING {code}", quantity, at, price, customer, "France"])
    return path


def test_the_shop_has_about_a_thousand_customers_and_a_year(past: Past) -> None:
    assert len(past.customers) == 1000
    assert timedelta(days=350) < past.purchases[-1].placed_at - past.purchases[0].placed_at < timedelta(days=380)


@pytest.mark.parametrize("day", range(7))
def test_the_data_ends_today_on_any_weekday(day: int) -> None:
    now = datetime(2026, 6, 1, 21, 0, tzinfo=UTC) + timedelta(days=day)
    past = read(now)
    # The real shop is closed on Saturdays and on some Fridays' evenings.
    assert timedelta() <= now - past.purchases[-1].placed_at < timedelta(days=2)


@pytest.mark.parametrize("day", range(7))
def test_weekdays_and_the_hour_in_the_shops_zone_are_kept(tmp_path: Path, day: int) -> None:
    path = written(
        tmp_path / "d.gz",
        ("1", "85123A", "1", "2010-12-01 08:26", "1.00", "1"),
        ("2", "85123A", "1", "2010-12-17 08:26", "1.00", "1"),
    )
    placed_at = read(NOW + timedelta(days=day), path).purchases[0].placed_at
    assert placed_at.astimezone(ZONE).strftime("%A %H:%M") == "Wednesday 08:26"


def test_nothing_lies_in_the_future(past: Past) -> None:
    assert max(p.placed_at for p in past.purchases) <= NOW
    assert all(p.refunded_at is None or p.refunded_at <= NOW for p in past.purchases)


def test_a_cancellation_becomes_a_refund_of_the_order_it_fits(tmp_path: Path) -> None:
    path = written(
        tmp_path / "d.gz",
        ("1", "11111", "10", "2010-12-01 08:00", "2.00", "1"),
        ("2", "22222", "5", "2010-12-02 08:00", "3.00", "1"),
        ("C3", "11111", "-4", "2010-12-03 08:00", "2.00", "1"),
        ("9", "11111", "1", "2010-12-20 08:00", "2.00", "2"),
    )
    first, second = read(NOW, path).purchases[:2]
    assert (first.total, first.refunded) == (2000, 800)
    assert second.refunded == 0


def test_more_than_was_bought_is_never_refunded(tmp_path: Path) -> None:
    path = written(
        tmp_path / "d.gz",
        ("1", "11111", "3", "2010-12-01 08:00", "2.00", "1"),
        ("C2", "11111", "-9", "2010-12-02 08:00", "2.00", "1"),
        ("9", "11111", "1", "2010-12-20 08:00", "2.00", "2"),
    )
    assert read(NOW, path).purchases[0].refunded == 600


def test_a_products_price_is_what_it_mostly_cost(past: Past) -> None:
    holder = past.wares["85123A"]
    assert holder.title == "White hanging heart T-light holder"
    assert 200 < holder.price < 400


def test_a_few_customers_can_be_asked_for() -> None:
    few = read(NOW, customers=5)
    assert len(few.customers) == 5
    assert {p.customer for p in few.purchases} <= set(few.customers)
