"""The page on what customers think."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.app import App
from automation.insights.journey import ready
from automation.models import Rating, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


@pytest.fixture
def said(app: App, store: Store) -> None:
    with app.db.write() as session:
        ready.begin(session, store, NOW)
        for n, (score, words) in enumerate([(10, "Lovely mugs"), (9, ""), (3, "Came too LATE"), (7, "100% fine")]):
            customer = make.customer(session, store, f"Reader {n}")
            message = make.message(session, customer)
            session.add(
                Rating(
                    store_id=store.id,
                    customer_id=customer.id,
                    message_id=message.id,
                    stage="service",
                    score=score,
                    comment=words,
                    at=NOW - timedelta(days=n),
                )
            )


@pytest.mark.usefixtures("said")
def test_scores_and_comments_are_shown(owner: Visitor) -> None:
    page = owner.get("/feedback/").text
    assert "net promoter score of 4 answers" in page
    assert ">25<" in page  # two promoters, one detractor, of four
    for words in ("Lovely mugs", "Came too LATE", "Reader 2", "Detractors"):
        assert words in page
    assert "Service" in owner.get("/feedback/?by=stage").text
    assert owner.get("/feedback/?by=moon").status_code == 422


@pytest.mark.usefixtures("said")
def test_comments_are_found_by_their_words(owner: Visitor) -> None:
    for q, found in (("late", "Came too LATE"), ("100%", "100% fine")):
        page = owner.get(f"/feedback/?q={q.replace('%', '%25')}").text
        assert found in page
        assert "Lovely mugs" not in page
    assert "No comments with these words" in owner.get("/feedback/?q=zebra").text


@pytest.mark.usefixtures("said")
def test_what_was_done_is_noted_at_a_touchpoint(owner: Visitor) -> None:
    refused = owner.post("/feedback/notes", {"said": "Parcels come late", "did": ""})
    assert refused.status_code == 422
    assert "Parcels come late" in refused.text
    assert owner.post("/feedback/notes", {"said": "x", "did": "y", "touchpoint": "999"}).status_code == 422
    owner.post("/feedback/notes", {"said": "Parcels come late", "did": "We changed the carrier", "touchpoint": "1"})
    page = owner.get("/feedback/").text
    assert "We changed the carrier" in page
    assert "Sign-up form" in page


def test_an_empty_store_is_told_what_brings_scores(owner: Visitor) -> None:
    assert "No scores in this period" in owner.get("/feedback/").text
