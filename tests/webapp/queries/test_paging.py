from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOW
from webapp.queries.paging import Mark, mark


def test_a_mark_survives_the_address_bar() -> None:
    one = Mark(NOW + timedelta(microseconds=123457), 42, "event")
    assert mark(str(one)) == one


@pytest.mark.parametrize("text", [None, "", "x", "1-2", "a-b-c", f"{10**30}-1-", "--"])
def test_a_mark_that_makes_no_sense_is_the_first_page(text: str | None) -> None:
    assert mark(text) is None
