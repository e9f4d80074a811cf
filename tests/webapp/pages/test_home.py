"""Home: the page, and the two fragments that keep it moving."""

from __future__ import annotations

from html import unescape

import orjson
import pytest
from sqlalchemy import select

from automation.actions import admins
from automation.app import App
from automation.models import Enrolment, Job, Notice, Store
from tests import make
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


def _notice(app: App, text: str, name: str, admin_id: int | None = None) -> int:
    with app.db.write() as session:
        store = session.scalars(select(Store)).first() or make.store(session)
        campaign = make.campaign(app, session, store)
        customer = make.customer(session, store, name)
        enrolment = Enrolment(
            store_id=store.id,
            campaign_id=campaign.id,
            version_id=campaign.live_version_id,
            customer_id=customer.id,
            key="k",
            anchor_at=NOW,
            due_at=NOW,
            entered_at=NOW,
        )
        session.add(enrolment)
        session.flush()
        row = Notice(
            store_id=store.id,
            campaign_id=campaign.id,
            customer_id=customer.id,
            enrolment_id=enrolment.id,
            step_id="notify_1",
            admin_id=admin_id,
            text=text,
            created_at=NOW,
        )
        session.add(row)
        session.flush()
        return row.id


def test_what_a_flow_told_stays_until_somebody_says_that_it_is_done(app: App, owner: Visitor) -> None:
    notice_id = _notice(app, "Ring them up about the wedding list", "Ada")
    page = owner.get("/").text
    assert "Ring them up about the wedding list" in page
    assert "Ada" in page
    owner.post(f"/notices/{notice_id}/done")
    assert "Ring them up" not in owner.get("/").text
    with app.db.read() as session:
        assert session.get_one(Notice, notice_id).read_at is not None


def test_what_is_for_one_person_is_not_shown_to_another(app: App, owner: Visitor) -> None:
    with app.db.write() as session:
        other = admins.create_admin(session, "grace@example.com", NOW, role="editor").id
    notice_id = _notice(app, "Only Grace should know", "Ada", other)
    assert "Only Grace" not in owner.get("/").text
    owner.post(f"/notices/{notice_id}/done")
    with app.db.read() as session:
        assert session.get_one(Notice, notice_id).read_at is None
