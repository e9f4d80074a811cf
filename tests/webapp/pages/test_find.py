"""The palette's list: pages of one's role, reports, and what is found in the store."""

from __future__ import annotations

from flask import Flask

from automation.app import App
from automation.models import Store
from tests import make
from tests.webapp.visitors import Visitor, logged_in
from webapp.pages.find import MORE
from webapp.queries.finding import NAMED

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def test_without_a_text_it_leads_to_the_pages_of_the_side_bar(owner: Visitor) -> None:
    page = owner.get("/find/", headers=FRAGMENT).text
    assert "<html" not in page
    assert page.index("Home") < page.index("Campaigns") < page.index("Settings")
    assert "New campaign" not in page


def test_words_find_pages_reports_and_what_can_be_begun(owner: Visitor) -> None:
    assert "New campaign" in owner.get("/find/?q=new+camp", headers=FRAGMENT).text
    assert "/connections/new/provider" in owner.get("/find/?q=postmark", headers=FRAGMENT).text
    assert "/reports/kpis" in owner.get("/find/?q=key+fig", headers=FRAGMENT).text
    page = owner.get("/find/?q=<zzz>", headers=FRAGMENT).text
    assert "Nothing fits “&lt;zzz&gt;”" in page


def test_a_viewer_is_not_sent_where_they_may_not_go(site: Flask, app: App, store: Store) -> None:
    page = logged_in(site, app, "viewer").get("/find/?q=new", headers=FRAGMENT).text
    assert "New campaign" not in page


def test_the_whole_page_works_without_scripts(app: App, owner: Visitor, store: Store) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store, "Ada", last_name="Wren")
    page = owner.get("/find/?q=ada").text
    assert "<html" in page
    assert f"/customers/{ada.public_id}" in page


def test_every_page_it_names_is_there(site: Flask) -> None:
    assert [endpoint for _, _, endpoint, _ in MORE if endpoint.partition(" ")[0] not in site.view_functions] == []
    assert [kind.endpoint for kind in NAMED if kind.endpoint not in site.view_functions] == []
