"""Offers, as a manager uses them: make, change, fill with codes, withdraw; and how errors show."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Offer, OfferCode, OfferRefusal, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor, logged_in

# What is written is tested on both databases in tests/automation; these are about the pages.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TEN: dict[str, Any] = {
    "label": "10 % off your next order", "name": "ten", "kind": "percent", "value": "10", "valid_days": "14",
    "supply": "pool", "prefix": "WREN", "keep_ahead": "200", "low_stock": "5", "guard-most": "1",
    "guard-period_days": "30", "guard-serial_after": "2", "guard-least_margin": "0",
}  # fmt: skip


def offers(app: App) -> list[Offer]:
    with app.db.read() as session:
        return list(session.scalars(select(Offer).order_by(Offer.id)))


def codes(app: App) -> list[tuple[str, str]]:
    with app.db.read() as session:
        return [(row.code, row.state) for row in session.scalars(select(OfferCode).order_by(OfferCode.id))]


@pytest.fixture
def path(app: App, owner: Visitor) -> str:
    """The page of an offer with a pool."""
    answer = owner.post("/offers/", TEN)
    assert answer.status_code == 303, answer.text
    return f"/offers/{offers(app)[0].public_id}"


def test_an_offer_is_made_and_changed(app: App, owner: Visitor) -> None:
    assert "Make the first one" in owner.get("/offers/").text
    given = {
        **TEN,
        "kind": "amount",
        "value": "5.00",
        "minimum": "40",
        "ends_on": "2026-06-30",
        "guard-least_margin": "20",
    }
    assert owner.post("/offers/", given).status_code == 303
    [row] = offers(app)
    assert (row.kind, row.value, row.minimum, row.currency, row.guard) == (
        "amount",
        500,
        4000,
        "EUR",
        {"least_margin": 20},
    )
    # The last day ends at midnight in Berlin.
    assert row.ends_at == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    page = owner.get(f"/offers/{row.public_id}/edit").text
    for shown in ('value="5.00"', 'value="40.00"', 'value="2026-06-30"', 'value="20"'):
        assert shown in page
    assert owner.post(f"/offers/{row.public_id}/edit", {**TEN, "value": "15", "ends_on": ""}).status_code == 303
    [row] = offers(app)
    assert (row.kind, row.value, row.minimum, row.ends_at, row.guard) == ("percent", 15, None, None, {})
    assert "15 % off" in owner.get("/offers/").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": "x"}, "This must be a whole number."),
        ({"value": "120"}, "percentage lies between 1 and 100"),
        ({"kind": "amount", "value": "five"}, "This must be an amount, such as 5.00."),
        ({"minimum": "-"}, "This must be an amount, such as 5.00."),
        ({"supply": "shared"}, "needs that code"),
        ({"name": ""}, "This is needed."),
        ({"guard-period_days": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_in_place_and_what_was_typed_is_kept(
    app: App, owner: Visitor, wrong: dict[str, str], said: str
) -> None:
    answer = owner.post("/offers/", {**TEN, **wrong})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="10 % off your next order"' in answer.text
    assert not offers(app)


def test_a_name_that_is_taken_is_refused(app: App, owner: Visitor, path: str) -> None:
    answer = owner.post("/offers/", TEN)
    assert answer.status_code == 422
    assert "There is an offer called ten already." in answer.text
    assert len(offers(app)) == 1


def test_codes_are_made_taken_in_and_downloaded(app: App, owner: Visitor, path: str) -> None:
    assert owner.post(f"{path}/generate", {"count": "0"}).status_code == 422
    owner.post(f"{path}/generate", {"count": "3"})
    assert [state for code, state in codes(app) if code.startswith("WREN")] == ["free"] * 3
    file = (io.BytesIO(b"code\nTEA-1\nTEA-2\nTEA 3\n"), "codes.csv")
    answer = owner.post(f"{path}/bring", {"file": file}, content_type="multipart/form-data")
    assert "2 codes were taken, 1 were not." in answer.text
    assert "Line 4" in answer.text
    assert "it has a space or a control character in it" in answer.text
    assert owner.post(f"{path}/bring", {"codes": "TEA-3"}).status_code == 303
    answer = owner.post(f"{path}/bring", {"codes": "TEA-3"})
    assert answer.status_code == 422
    assert "the store has it already" in answer.text
    assert owner.post(f"{path}/bring", {"codes": " "}).status_code == 422
    text = owner.get(f"{path}/free.csv").text
    assert text.split("\r\n")[0] == "code"
    assert text.split("\r\n")[-4:] == ["TEA-1", "TEA-2", "TEA-3", ""]


def test_the_figures_tell_what_became_of_the_codes(app: App, owner: Visitor, store: Store, path: str) -> None:
    with app.db.write() as session:
        offer = session.scalars(select(Offer)).one()
        ada = make.customer(session, store)
        order = make.order(session, store, ada, NOW, number="#7")
        for number, state in enumerate(("free", "free", "reserved", "given", "redeemed", "expired")):
            is_used = state == "redeemed"
            session.add(
                OfferCode(
                    store_id=store.id, offer_id=offer.id, code=f"T{number}", code_key=f"T{number}", state=state,
                    created_at=NOW, redeemed_at=NOW if is_used else None, order_id=order.id if is_used else None,
                    redeemed_by=ada.id if is_used else None,
                )
            )  # fmt: skip
        refused = {"store_id": store.id, "offer_id": offer.id, "customer_id": ada.id, "holder": "x", "facts": {}}
        session.add(OfferRefusal(reason="too_many", at=NOW - timedelta(days=1), **refused))
        session.add(OfferRefusal(reason="margin", at=NOW - timedelta(days=31), **{**refused, "holder": "y"}))
    page = owner.get(path).text
    for shown in ("1 more set aside", "33% of those", "#7", "ada@example.com", "The customer has had as many offers"):
        assert shown in page
    assert "margin of what is in the cart" not in page
    assert owner.post(f"{path}/withdraw").status_code == 303
    assert [state for _, state in codes(app)] == ["void", "void", "void", "given", "redeemed", "expired"]
    assert "Withdrawn" in owner.get("/offers/").text


def test_who_may_only_look_can_change_nothing(site: Flask, app: App, owner: Visitor, path: str) -> None:
    viewer = logged_in(site, app, "viewer")
    page = viewer.get(path).text
    assert "Withdraw" not in page
    assert "Make codes" not in page
    for refused in (
        viewer.get("/offers/new"),
        viewer.get(f"{path}/free.csv"),
        viewer.post(f"{path}/withdraw"),
        viewer.post(f"{path}/generate", {"count": "1"}),
    ):
        assert refused.status_code == 403
    assert offers(app)[0].is_active
    assert codes(app) == []
