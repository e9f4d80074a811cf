from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from automation.errors import Unreadable
from automation.importing import workbooks
from automation.importing.sheets import LONGEST_CELL, LONGEST_LINE, rows, shape_of
from automation.models import Customer, DueItem
from tests.automation.importing.filed import Desk


def workbook(*lines: tuple[object, ...]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for line in lines:
        sheet.append(line)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def forged(tmp_path: Path, sheet: bytes, part: str = "xl/worksheets/sheet1.xml") -> Path:
    """A sound workbook with one part put in the place of another."""
    path = tmp_path / "forged.xlsx"
    with (
        zipfile.ZipFile(io.BytesIO(workbook(("email",)))) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in {*old.namelist(), part}:
            new.writestr(name, sheet if name == part else old.read(name))
    return path


def test_a_workbook_comes_in_as_a_text_file_does(desk: Desk) -> None:
    content = workbook(
        ("Email", "Type", "Reference", "Due date", "Amount"),
        ("ada@example.com", "payment", 17, datetime(2026, 4, 1), 12.5),  # noqa: DTZ001  as spreadsheets have it
        (None, None, None, None, None),
        ("bob@example.com", "payment", 18, date(2026, 4, 2), "soon"),
    )
    done = desk.take("due_items", content, "dues.xlsx")
    item = desk.one(DueItem)
    assert (item.external_id, item.amount, item.due_at) == ("17", 1250, datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert desk.refusals(done.id) == [(4, "Amount", "soon", "no amount; write 1299.00")]


def test_a_formula_is_what_it_came_to_and_never_run(desk: Desk) -> None:
    desk.take("customers", workbook(("email", "first name"), ("ada@example.com", "=1+1")), "x.xlsx")
    assert desk.one(Customer).first_name == ""  # nobody has worked it out: there is no value beside it


def test_a_cell_as_large_as_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    cell = b"<row><c t='inlineStr'><is><t>" + b"A" * (workbooks.MOST_ROW + 500_000) + b"</t></is></c></row>"
    with pytest.raises(Unreadable, match=r"one row|unpacks"):
        workbooks.check(forged(tmp_path, b"<worksheet><sheetData>" + cell + b"</sheetData></worksheet>"))


def test_what_unpacks_to_hundreds_of_times_its_size_is_refused(tmp_path: Path) -> None:
    bomb = b"<worksheet><sheetData>" + b"<row></row>" * 2_000_000
    with pytest.raises(Unreadable, match="300 times"):
        workbooks.check(forged(tmp_path, bomb))


def test_shared_texts_and_other_parts_have_limits_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_SHARED", 10_000)
    monkeypatch.setattr(workbooks, "MOST_OTHER", 50_000)
    text = b"<sst>" + b"<si><t>abc</t></si>" * 5_000 + b"</sst>"
    for part in ("xl/sharedStrings.xml", "xl/styles.xml"):
        with pytest.raises(Unreadable, match="too large"):
            workbooks.check(forged(tmp_path, text, part))


@pytest.mark.parametrize(
    "evil",
    [
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><worksheet/>',
        b"<worksheet><![CDATA[</row>]]></worksheet>",
    ],
)
def test_entities_and_raw_data_are_refused(tmp_path: Path, evil: bytes) -> None:
    with pytest.raises(Unreadable, match="declarations"):
        workbooks.check(forged(tmp_path, evil))


def test_what_only_looks_like_a_workbook_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    with pytest.raises(Unreadable, match="no workbook"):
        shape_of(path)
    path.write_bytes(workbook(("email",))[:-40])
    with pytest.raises(Unreadable, match="damaged"):
        shape_of(path)
    with pytest.raises(Unreadable, match="save it again"):
        list(workbooks.rows(forged(tmp_path, b"<worksheet><sheetData><row><c><v>1</v>")))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"email\n" + b"x" * (LONGEST_LINE + 5), "longer than"),
        (b'email\n"' + b"x" * (LONGEST_CELL + 5) + b'"\n', "field larger"),
        (b"email\n" + b"," * 600, "columns"),
        (b"email\n\x00\x01", "zero bytes"),
        (b"\n\n", "empty"),
    ],
)
def test_text_files_have_limits_too(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=says):
        list(rows(path, shape_of(path)))
