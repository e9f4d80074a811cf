"""Cuts the demo shop's data out of the UCI "Online Retail" set: `python -m automation.demo.extract SOURCE`.

Keeps about 1,000 customers with all their orders and cancellations, drops lines that sell no product, and writes
`data/online_retail.csv.gz`, the same lines every time. See `data/README.md` for source and licence.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parent / "data" / "online_retail.csv.gz"
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
CUSTOMERS = 1000
MOST_LINES = 400
"""Wholesalers with more lines than this are left out: they are few and would be most of the file."""

_PRODUCT = re.compile(r"\d{5}[A-Za-z]{0,3}")

Row = dict[str, str]


def is_product(stock_code: str) -> bool:
    """Whether a stock code names something sold, rather than postage, fees, gift vouchers or corrections."""
    return _PRODUCT.fullmatch(stock_code) is not None


def _is_kept(row: Row) -> bool:
    return bool(row["CustomerID"]) and is_product(row["StockCode"].strip()) and float(row["UnitPrice"]) > 0


def _draw(customer: str) -> str:
    # Chance that is the same on every machine.
    return hashlib.sha256(customer.encode()).hexdigest()


def choose(lines: dict[str, list[Row]], wanted: int = CUSTOMERS) -> set[str]:
    """The customers to keep: everybody outside the United Kingdom, then Britons by lot, up to `wanted`."""
    fit = [c for c, rows in lines.items() if len(rows) <= MOST_LINES and any(int(r["Quantity"]) > 0 for r in rows)]
    fit.sort(key=lambda c: (lines[c][0]["Country"] == "United Kingdom", _draw(c)))
    return set(fit[:wanted])


def cut(rows: Iterable[Row], wanted: int = CUSTOMERS) -> list[Row]:
    """The lines of the chosen customers, tidied, by customer and then by time."""
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if _is_kept(row):
            lines[row["CustomerID"]].append(row)
    titles = _titles(lines)
    kept = []
    for customer in sorted(choose(lines, wanted)):
        for row in sorted(lines[customer], key=lambda r: (r["InvoiceDate"], r["InvoiceNo"], r["StockCode"])):
            code = row["StockCode"].strip().upper()
            kept.append(
                {
                    **row,
                    "StockCode": code,
                    "Description": titles[code],
                    "InvoiceDate": row["InvoiceDate"][:16],
                    "UnitPrice": f"{float(row['UnitPrice']):.2f}",
                    "CustomerID": customer.removesuffix(".0"),
                }
            )
    return kept


def _titles(lines: dict[str, list[Row]]) -> dict[str, str]:
    # A product's description varies between invoices; its commonest stands for all.
    seen: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for rows in lines.values():
        for row in rows:
            title = " ".join(row["Description"].replace(",", " ").split())
            if title:
                seen[row["StockCode"].strip().upper()][title] += 1
    return defaultdict(str, {code: max(sorted(found), key=found.__getitem__) for code, found in seen.items()})


def write(rows: list[Row], target: Path) -> int:
    """Write the extract; its size in bytes."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    return target.stat().st_size


def main(source: str) -> str:
    """Cut `source` (CSV, gzip or plain); a sentence about what was written."""
    opener = gzip.open if source.endswith(".gz") else open
    with opener(source, "rt", encoding="utf-8", newline="") as file:
        rows = cut(csv.DictReader(file))
    size = write(rows, TARGET)
    customers = len({r["CustomerID"] for r in rows})
    orders = len({r["InvoiceNo"] for r in rows})
    return f"{TARGET}: {customers} customers, {orders} orders, {len(rows)} lines, {size} bytes.\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m automation.demo.extract SOURCE.csv[.gz]")
    sys.stdout.write(main(sys.argv[1]))
