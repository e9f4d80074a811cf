from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import AuditEntry, Suppression
from tests import make
from tests.conftest import NOW
from tests.webapp.pages.test_campaigns import words
from tests.webapp.scene import Scene
from tests.webapp.statements import counted
from tests.webapp.visitor import Visitor
from webapp.queries import customers


def test_the_list_shows_who_is_there_and_where_they_stand(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get("/customers/"))
    assert "Ada Lovell ada@example.com · AT Subscribed 2 €79.40" in page
    assert "Dan Whitlock dan@example.com Suppressed 0 –" in page


def test_a_search_answers_with_the_list_alone(keeper: Visitor, shop: Scene) -> None:
    fragment = keeper.get("/customers/?q=ada", fragment=True)
    assert "<html" not in fragment
    assert "Ada Lovell" in fragment
    assert "Ben Okafor" not in fragment


def test_a_search_without_a_hit_says_so_and_repeats_no_markup(keeper: Visitor, shop: Scene) -> None:
    page = keeper.get("/customers/?q=<b>nobody")
    assert "Nobody found" in page
    assert "<b>nobody" not in page


def test_without_customers_the_page_says_where_they_come_from(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    page = keeper.get("/customers/")
    assert "No customers yet" in page
    assert "Connect a shop" in page


def test_more_customers_are_added_below(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for number in range(customers.PAGE + 2):
            make.customer(session, store, f"C{number}", consent=False, created_at=NOW)
    page = keeper.get("/customers/")
    more = page.split('hx-get="/customers/?after=')[1].split('"')[0]
    rest = keeper.get(f"/customers/?after={more}", fragment=True)
    assert "<table" not in rest
    assert rest.count("<tr>") == 2


def test_one_customer_is_shown_with_everything_that_happened(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get(f"/customers/{shop.ada}"))
    assert "Local time Tue 10 Mar 13:00 Europe/Vienna" in page
    assert "Orders 2 Spent €79.40 Last order 20 hours ago Carts 1" in page
    assert "Not now: it is 22:10 there, and mails rest from 21:00 to 08:00 (Europe/Vienna)" in page
    for moment in (
        "Ordered #1042",
        "Clicked: “Cart reminder, first”",
        "Entered “Cart reminder”",
        "Agreed to marketing",
    ):
        assert moment in page
    assert "Marketing Subscribed" in page
    assert "“Yes, send me news.”" in page


@pytest.mark.parametrize("kind", ["", "orders", "mails", "nonsense"])
def test_a_chip_filters_the_timeline(keeper: Visitor, shop: Scene, kind: str) -> None:
    fragment = keeper.get(f"/customers/{shop.ada}?kind={kind}", fragment=True)
    assert "<html" not in fragment
    assert ("Ordered #1042" in fragment) is (kind != "mails")
    assert ("Clicked:" in fragment) is (kind != "orders")


def test_a_customers_page_takes_at_most_thirteen_statements_of_its_own(app: App, keeper: Visitor, shop: Scene) -> None:
    keeper.get(f"/customers/{shop.ada}")
    with counted(app) as statements:
        keeper.get(f"/customers/{shop.ada}")
    assert len(statements) <= 13 + 4, "\n".join(statements)


def test_a_bounced_address_can_be_lifted_and_that_is_written_down(app: App, keeper: Visitor, shop: Scene) -> None:
    page = keeper.get(f"/customers/{shop.suppressed}")
    assert "A mail to it bounced for good" in page
    assert "Lift the suppression" in page
    keeper.post(f"/customers/{shop.suppressed}/lift")
    page = keeper.get(f"/customers/{shop.suppressed}")
    assert "The address may be mailed again." in page
    assert "No mail goes to this address" not in page
    with app.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "suppression.lifted")).one()
        assert entry.detail == {"reason": "hard_bounce"}


def test_a_spam_complaint_cannot_be_lifted(app: App, keeper: Visitor, shop: Scene) -> None:
    assert "Lift the suppression" not in keeper.get(f"/customers/{shop.complained}")
    keeper.post(f"/customers/{shop.complained}/lift")
    assert "this suppression cannot be lifted" in keeper.get("/")
    with app.db.read() as session:
        assert session.query(Suppression).filter_by(reason="complaint").count() == 1


def test_a_viewer_lifts_nothing(app: App, onlooker: Visitor, shop: Scene) -> None:
    assert onlooker.post(f"/customers/{shop.suppressed}/lift").status_code == 403
    with app.db.read() as session:
        assert session.query(Suppression).count() == 2


def test_a_customer_that_is_not_there_is_404(keeper: Visitor, shop: Scene) -> None:
    assert keeper.ask("/customers/nobody").status_code == 404
