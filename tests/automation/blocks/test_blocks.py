from __future__ import annotations

import pytest

from automation.actions import templates
from automation.actions.mail_desk import empty_source
from automation.app import App
from automation.block import blocks
from automation.editing import preview, splice
from automation.editing.tree import read
from automation.models import Store
from automation.rendering.mail import MailSource
from tests import make
from tests.conftest import NOW

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SHOWS = {
    "heading": "A heading",
    "text": "Write something here.",
    "image": "<img",
    "button": "Have a look",
    "products": "Hanging heart",
    "recommendations": "€",
    "cart": "Total",
    "coupon": "Good until",
    "social": "Instagram",
    "divider": "border-top:solid 1px #d9d4cb",
    "spacer": "height:24px",
    "conditional": "Only shown when it is true.",
    "footer": "Preferences",
}


def test_every_block_that_the_product_names_is_there_and_shows_something(app: App) -> None:
    assert {block.kind for block in blocks()} == set(SHOWS)
    sample = templates.sample("none")
    document = read(empty_source().mjml)
    for block in blocks():
        made = splice.insert(document, block.mjml(), document.nodes[2])
        shown = preview.show(app, MailSource(subject="x", mjml=made.source), sample)
        html = shown.rendered.html
        assert html.count(SHOWS[block.kind]) > (block.kind in ("heading", "text", "footer")), block.kind
        assert [f for f in shown.findings if f.severity == "danger"] == [], block.kind
        assert block.__doc__


def test_new_blocks_wear_the_brand(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        store.brand = {"accent": "#123456", "font": "Futura"}
        session.flush()
        found, _ = preview.variables(app, session, session.get_one(Store, store.id), "", None, NOW)
    button = next(b for b in blocks() if b.kind == "button")
    made = splice.insert(read(empty_source().mjml), button.mjml(), None)
    html = preview.show(app, MailSource(subject="x", mjml=made.source), found).rendered.html
    assert "#123456" in html
    assert "Futura" in html


def test_what_needs_an_occasion_shows_nothing_without_one(app: App) -> None:
    sample = templates.sample("none") | {
        "cart": {"items": []},
        "offer": {},
        "products": [],
        "recommendations": {"picks": []},
    }
    plain = preview.show(app, empty_source(), sample).rendered.text
    for kind in ("cart", "coupon", "products", "recommendations"):
        block = next(b for b in blocks() if b.kind == kind)
        made = splice.insert(read(empty_source().mjml), block.mjml(), read(empty_source().mjml).nodes[2])
        assert preview.show(app, MailSource(subject="x", mjml=made.source), sample).rendered.text == plain, kind
