"""Workbooks (.xlsx): looked through before they are read, for what would not fit into memory.

A workbook is a ZIP of XML files. Of a hostile one a few kilobytes unpack to gigabytes, a single cell holds one of
them, or entities multiply. What is looked at is what unpacks, never what the file says of itself.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from automation.errors import Unreadable

MOST_PARTS = 2_000
MOST_BYTES = 4 << 30
"""Unpacked, of all sheets."""
MOST_SHARED = 96 << 20
"""Unpacked, of the texts that cells share: they are held in memory."""
MOST_OTHER = 16 << 20
"""Unpacked, of every other part."""
MOST_ROW = 2 << 20
"""Bytes of XML of one row."""
MOST_RATIO = 300
"""Unpacked to packed, of parts above a megabyte. Sheets come to 5 to 30."""
_PORTION = 1 << 18
_TAIL = 64
_ROW_ENDS = re.compile(rb"</(?:[A-Za-z0-9]+:)?(?:row|si)>")
_NOT_XML_OF_A_SHEET = re.compile(rb"<!(?:DOCTYPE|ENTITY|\[CDATA\[)", re.IGNORECASE)
_TOO_LARGE = "This workbook is too large to be opened safely ({}). Save it as CSV: that has no such limit."


def check(path: Path) -> None:
    """Look through a workbook. Raises Unreadable when it is none, or one that must not be opened."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS:
                raise Unreadable(_TOO_LARGE.format(f"{len(parts):,} parts"))
            names = {part.filename for part in parts}
            if "[Content_Types].xml" not in names or "xl/workbook.xml" not in names:
                raise Unreadable("This is a ZIP file, but no workbook: upload the .xlsx or .csv file itself.")
            total = 0
            for part in parts:
                total += _unpacked(archive, part)
                if total > MOST_BYTES:
                    raise Unreadable(_TOO_LARGE.format("more than 4 GB unpacked"))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise Unreadable("The workbook is damaged or protected by a password: open and save it again.") from error


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    is_sheet = part.filename.startswith("xl/worksheets/")
    is_shared = part.filename == "xl/sharedStrings.xml"
    most = MOST_BYTES if is_sheet else MOST_SHARED if is_shared else MOST_OTHER
    size = since_row = 0
    tail = b""
    with archive.open(part) as stream:
        while data := stream.read(_PORTION):
            size += len(data)
            if size > most:
                raise Unreadable(_TOO_LARGE.format(part.filename[:80]))
            if size > _PORTION * 4 and size > part.compress_size * MOST_RATIO:
                raise Unreadable(_TOO_LARGE.format(f"{part.filename[:80]} unpacks to more than {MOST_RATIO} times"))
            text = tail + data
            if _NOT_XML_OF_A_SHEET.search(text):
                raise Unreadable("The workbook holds declarations that no spreadsheet program writes.")
            if is_sheet or is_shared:
                ends = [found.end() for found in _ROW_ENDS.finditer(text)]
                since_row = len(text) - ends[-1] if ends else since_row + len(data)
                if since_row > MOST_ROW:
                    raise Unreadable(_TOO_LARGE.format("one row of it"))
            tail = text[-_TAIL:]
    return size


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first sheet as text, one at a time. Raises Unreadable for a sheet that cannot be read."""
    from openpyxl import load_workbook  # noqa: PLC0415  slow to import, and only imports need it

    # Ours to close: the library leaves it open when it stumbles.
    with path.open("rb") as file:
        try:
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except Exception as error:  # whatever a file from outside makes the library stumble over
            raise Unreadable("The workbook cannot be read: open and save it again, or save it as CSV.") from error
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            raise Unreadable("The workbook has no sheet.")
        # What a file says of its extent is not to be believed.
        sheet.reset_dimensions()
        for number, cells in enumerate(_of_sheet(sheet), 1):
            yield number, [_text(cell) for cell in cells[:500]]


def _of_sheet(sheet: Any) -> Iterator[tuple[Any, ...]]:
    try:
        yield from sheet.iter_rows(values_only=True)
    except Exception as error:  # as above
        raise Unreadable("The workbook's sheet is damaged: open and save it again, or save it as CSV.") from error


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
