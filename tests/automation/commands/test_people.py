from __future__ import annotations

import zipfile
from pathlib import Path

from tests.automation.commands.conftest import Cartwheel


def test_a_file_comes_in_and_goes_out_and_a_person_is_erased(cartwheel: Cartwheel, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email,first name,consent\nada@example.com,=Ada,yes\nnobody,,\n")
    dry = cartwheel("import", "customers", str(path), "--dry-run")
    assert "2 rows, 1 refused. consent granted 1, good 1, new 1" in dry.output
    taken = cartwheel("import", "customers", str(path), "--evidence", "Spring fair")
    assert taken.exit_code == 0, taken.output
    assert "line 3, email: Not a mail address" in taken.output
    out = cartwheel("export", "customers")
    assert "ada@example.com,'=Ada" in out.output
    packed = tmp_path / "ada.zip"
    assert cartwheel("access", "ada@example.com", "--to", str(packed)).exit_code == 0
    assert "Spring fair" in zipfile.ZipFile(packed).read("consents.json").decode()
    assert cartwheel("erase", "ada@example.com", "--yes").exit_code == 0
    assert "ada@example.com" not in cartwheel("export", "customers").output
    again = cartwheel("import", "customers", str(path))
    assert "erased 2" in again.output
    assert cartwheel("erase", "ada@example.com", "--yes").exit_code == 2


def test_all_agreed_without_evidence_is_refused(cartwheel: Cartwheel, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.com\n")
    refused = cartwheel("import", "customers", str(path), "--all-agreed")
    assert refused.exit_code == 2
    assert "without evidence" in refused.output
