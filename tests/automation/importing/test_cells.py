from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import Unreadable
from automation.importing import cells
from automation.importing.fields import KINDS, guess, is_field, missing, plain
from automation.money import decimal_text

BERLIN = ZoneInfo("Europe/Berlin")


@given(st.integers(-(2**50), 2**50), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_is_read_as_it_was_written(units: int, currency: str) -> None:
    assert cells.amount(decimal_text(units, currency), currency) == units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1299", 129900),
        ("1,299.00", 129900),
        ("1.299,00", 129900),
        ("12,5", 1250),
        ("€ 12.50", 1250),
        ("12.50 EUR", 1250),
        ("-3.5", -350),
        ("1 299,00", 129900),
    ],
)
def test_amounts_come_in_many_spellings(text: str, units: int) -> None:
    assert cells.amount(text, "EUR") == units


@pytest.mark.parametrize("text", ["1,299", "1.299", "twelve", "", "1.2.3", "--5"])
def test_an_amount_that_could_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        cells.amount(text, "EUR")


@pytest.mark.parametrize(
    ("text", "dates", "at"),
    [
        ("2026-03-10", "iso", datetime(2026, 3, 9, 23, tzinfo=UTC)),
        ("2026-03-10T09:00+02:00", "iso", datetime(2026, 3, 10, 7, tzinfo=UTC)),
        ("3/4/2026", "day_first", datetime(2026, 4, 2, 22, tzinfo=UTC)),
        ("3/4/2026 10:00", "month_first", datetime(2026, 3, 4, 9, tzinfo=UTC)),
        ("03.04.2026", "iso", datetime(2026, 4, 2, 22, tzinfo=UTC)),
        ("1767225600", "iso", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_instants_come_in_many_spellings(text: str, dates: str, at: datetime) -> None:
    assert cells.moment(text, BERLIN, dates) == at


@pytest.mark.parametrize("text", ["3/4/2026", "soon", "2026-02-30", "0001-01-01", "31/31/2026"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        cells.moment(text, BERLIN, "iso")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip), max_size=4))
def test_a_list_is_read_as_it_was_written(found: list[str]) -> None:
    assert cells.words(cells.written_words(found)) == found


def test_columns_are_known_by_what_other_tools_call_them() -> None:
    kind = KINDS["customers"]
    headers = [
        "Customer ID",
        "E-Mail",
        "Vorname",
        "Accepts Email Marketing",
        "Default Address City",
        "Colour",
        "attribute:Size",
    ]
    assert guess(kind, headers) == {0: "external_id", 2: "first_name", 3: "consent", 4: "city", 6: "attribute:Size"} | (
        {1: "email"} if plain("E-Mail") == "email" else {}
    )
    assert missing(kind, {0: "first_name"}) == ["Mail address or Id at the shop"]
    assert not is_field(kind, "attribute:")
    assert not is_field(KINDS["orders"], "attribute:x")
