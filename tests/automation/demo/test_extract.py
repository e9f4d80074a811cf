from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from automation.demo import extract
from automation.demo.extract import TARGET, cut, is_product, write


def row(customer: str, invoice: str = "536365", code: str = "85123A", **values: str) -> dict[str, str]:
    return {
        "InvoiceNo": invoice,
        "StockCode": code,
        "Description": "WHITE HANGING HEART",
        "Quantity": "6",
        "InvoiceDate": "2010-12-01 08:26:00",
        "UnitPrice": "2.55",
        "CustomerID": customer,
        "Country": "United Kingdom",
        **values,
    }


@pytest.mark.parametrize("code", ["POST", "D", "M", "BANK CHARGES", "AMAZONFEE", "gift_0001_20", "DCGSSGIRL", "C2"])
def test_postage_fees_and_vouchers_are_no_products(code: str) -> None:
    assert not is_product(code)


@pytest.mark.parametrize("code", ["85123A", "22423", "15056BL", "79323lp"])
def test_numbers_with_a_few_letters_are_products(code: str) -> None:
    assert is_product(code)


def test_lines_without_a_customer_a_price_or_a_product_are_dropped() -> None:
    rows = [row("1.0"), row(""), row("1.0", UnitPrice="0"), row("1.0", code="POST")]
    assert len(cut(rows)) == 1


def test_who_lives_abroad_is_kept_before_who_does_not() -> None:
    rows = [row(f"{n}.0") for n in range(50)] + [row("99.0", Country="France")]
    assert {r["CustomerID"] for r in cut(rows, wanted=1)} == {"99"}


def test_a_kept_customer_keeps_every_order_and_cancellation() -> None:
    rows = [row("1.0", "536365"), row("1.0", "C536400", Quantity="-2"), row("1.0", "536500")]
    assert [r["InvoiceNo"] for r in cut(rows)] == ["536365", "536500", "C536400"]


def test_a_product_is_called_what_it_is_called_most() -> None:
    rows = [row("1.0"), row("2.0"), row("3.0", Description="damaged, wet")]
    assert {r["Description"] for r in cut(rows)} == {"WHITE HANGING HEART"}


def test_wholesalers_are_left_out() -> None:
    rows = [row("1.0") for _ in range(extract.MOST_LINES + 1)] + [row("2.0")]
    assert {r["CustomerID"] for r in cut(rows)} == {"2"}


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    rows = cut([row("1.0")])
    write(rows, tmp_path / "cut.csv.gz")
    with gzip.open(tmp_path / "cut.csv.gz", "rt", newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_a_sentence_tells_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.csv"
    with source.open("w", newline="") as file:
        writer = csv.DictWriter(file, extract.COLUMNS)
        writer.writeheader()
        writer.writerows([row("1.0"), row("2.0", "536366")])
    monkeypatch.setattr(extract, "TARGET", tmp_path / "cut.csv.gz")
    assert "2 customers, 2 orders, 2 lines" in extract.main(str(source))


def test_the_shipped_data_is_small_and_names_its_source() -> None:
    assert TARGET.stat().st_size <= 2_000_000
    notice = (TARGET.parent / "README.md").read_text()
    assert "10.24432/C5BW33" in notice
    assert "CC BY 4.0" in notice
