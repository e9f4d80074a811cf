"""Home: the page, and the two fragments that keep it moving."""

from __future__ import annotations

from html import unescape

import orjson
import pytest

from automation.app import App
from automation.models import Job
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


@pytest.mark.parametrize("path", ["/", "/pulse", "/people"])
def test_each_part_answers_for_an_empty_store(owner: Visitor, path: str) -> None:
    assert owner.get(path, headers={"HX-Request": "true"}).status_code == 200


def test_the_chart_and_its_table_tell_the_same(owner: Visitor) -> None:
    page = owner.get("/").text
    told = page.split('data-chart="')[1].split('"')[0]
    chart = orjson.loads(unescape(told))
    assert len(chart["categories"]) == 21
    assert [s["name"] for s in chart["series"]] == ["Sent", "Clicked"]
    assert page.count("<tr><td>") >= 21


def test_long_work_is_shown_while_it_runs(app: App, owner: Visitor) -> None:
    with app.db.write() as session:
        session.add(
            Job(kind="import", state="running", progress=0.4, message="400 of 1,000", created_at=NOW, updated_at=NOW)
        )
    page = owner.get("/pulse").text
    assert "400 of 1,000" in page
    assert 'hx-trigger="every 3s"' in page
