"""Text files with rows: their encoding and delimiter are found out, and they are read in bounded memory."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from automation.errors import Unreadable
from automation.importing import workbooks

HEAD = 1 << 16
"""Bytes from which is found out what a file looks like."""
LONGEST_LINE = 1 << 20
"""Characters of one row."""
LONGEST_CELL = 1 << 17
MOST_COLUMNS = 500
_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Row = tuple[int, list[str]]
"""The line on which it begins, counted from 1, and its cells."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file looks like."""

    format: Literal["csv", "xlsx"]
    headers: list[str]
    encoding: str = "utf-8"
    delimiter: str = ","

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def shape_of(path: Path) -> Shape:
    """What a file looks like. Raises Unreadable for what holds no rows, saying why."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        workbooks.check(path)
        found = Shape("xlsx", [], "", "")
    else:
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            raise Unreadable("This is an old Excel file (.xls) or a protected one: save it as .xlsx or CSV.")
        encoding = _encoding(head)
        found = Shape("csv", [], encoding, _delimiter(head, encoding))
    first = next(_all_rows(path, found), None)
    if first is None or not any(cell.strip() for cell in first[1]):
        raise Unreadable("The file is empty: its first row must name the columns.")
    headers = [cell.strip()[:200] for cell in first[1]]
    while headers and not headers[-1]:
        headers.pop()
    return Shape(found.format, headers, found.encoding, found.delimiter)


def rows(path: Path, shape: Shape, skip: int = 0) -> Iterator[Row]:
    """The rows behind the header, without empty ones and without the first `skip` of those that are not.

    Raises Unreadable when the file turns out to be broken, saying where.
    """
    everything = _all_rows(path, shape)
    next(everything, None)
    for row in everything:
        if not any(row[1]):
            continue
        if skip:
            skip -= 1
            continue
        yield row


def _all_rows(path: Path, shape: Shape) -> Iterator[Row]:
    return workbooks.rows(path) if shape.format == "xlsx" else _csv_rows(path, shape)


def _encoding(head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        raise Unreadable("This is no text file: it holds zero bytes. Save it as CSV (UTF-8) or .xlsx.")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # What Excel writes on Windows; its letters include all of Latin-1's.
        return "cp1252"
    return "utf-8"


def _delimiter(head: bytes, encoding: str) -> str:
    text = head.decode(encoding, "replace").splitlines()[:1]
    counts = {mark: _outside_quotes(text[0] if text else "", mark) for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _outside_quotes(line: str, mark: str) -> int:
    is_quoted, count = False, 0
    for letter in line:
        is_quoted ^= letter == '"'
        count += letter == mark and not is_quoted
    return count


def _csv_rows(path: Path, shape: Shape) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    # A letter that the rest of the file has in another encoding becomes a mark that the row is refused for.
    with path.open("r", encoding=shape.encoding, errors="replace", newline="") as file:
        reader = csv.reader(_lines(file), delimiter=shape.delimiter)
        line = 1
        try:
            for cells in reader:
                if len(cells) > MOST_COLUMNS:
                    raise Unreadable(f"Line {line}: {len(cells):,} columns; at most {MOST_COLUMNS}.")
                yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise Unreadable(f"Line {line}: {error}. Is a quotation mark missing?") from error


def _lines(file: Any) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) >= LONGEST_LINE:
            raise Unreadable(f"Line {number} is longer than {LONGEST_LINE:,} characters.")
        yield line.replace("\x00", "\ufffd")
