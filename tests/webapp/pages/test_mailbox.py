from __future__ import annotations

import pytest
from sqlalchemy import select, update

from automation.app import App
from automation.models import Message, Rendering
from tests import make
from tests.webapp.pages.test_campaigns import words
from tests.webapp.scene import Scene
from tests.webapp.statements import counted
from tests.webapp.visitor import Visitor
from webapp.queries import mailbox


def test_the_list_shows_the_subjects_as_they_were_sent(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get("/mailbox/"))
    assert "Ada, your Blue enamel teapot is still here ada@example.com · Cart reminder Clicked Delivered" in page
    assert "cleo@example.com" not in page


def test_new_mails_appear_by_themselves(keeper: Visitor, shop: Scene) -> None:
    fragment = keeper.get("/mailbox/?q=ada", fragment=True)
    assert "<html" not in fragment
    assert 'hx-trigger="every 5s"' in fragment
    assert 'hx-get="/mailbox/?q=ada"' in fragment
    assert "hana@example.com" not in fragment


def test_older_mails_have_pages_of_their_own_that_stand_still(
    app: App, keeper: Visitor, shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "PAGE", 5)
    first = keeper.get("/mailbox/")
    older = first.partition('href="/mailbox/?after=')[2].partition('"')[0]
    second = keeper.get(f"/mailbox/?after={older}")
    assert (first.count('class="mails-row"'), second.count('class="mails-row"')) == (5, 4)
    assert "every 5s" not in second
    assert "Newest mails" in second


def test_an_empty_mailbox_says_what_to_do(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        make.store(session)
    page = keeper.get("/mailbox/")
    assert "No mail has left yet" in page
    assert 'href="/campaigns/"' in page


def test_a_mail_is_shown_with_proof_journey_and_links(keeper: Visitor, shop: Scene) -> None:
    html = keeper.get(f"/mailbox/{shop.sent}")
    page = words(html)
    assert "Byte for byte as it was sent" in page
    assert f'src="/mailbox/{shop.sent}/body" sandbox="allow-same-origin"' in html
    assert f'href="/campaigns/{shop.live}"' in html
    assert f'href="/customers/{shop.ada}"' in html
    legs = ("Drafted", "Not now", "Goes out", "Claimed and rendered", "Accepted", "Delivered", "Opened", "Clicked")
    journey = page.partition("Its journey")[2]
    places = [journey.index(f" {leg} ") for leg in legs]
    assert places == sorted(places)


def test_what_differs_from_what_was_sent_is_noticed(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        message = select(Message.id).where(Message.public_id == shop.sent).scalar_subquery()
        session.execute(update(Rendering).where(Rendering.message_id == message).values(payload_hash="0" * 64))
    page = keeper.get(f"/mailbox/{shop.sent}")
    assert "Byte for byte" not in page
    assert "Not quite as it was sent" in page


def test_the_body_has_a_policy_of_its_own(keeper: Visitor, shop: Scene) -> None:
    answer = keeper.ask(f"/mailbox/{shop.sent}/body")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "Your cart is just as you left it" in answer.text
    assert "<script" not in answer.text


def test_looking_at_a_mail_counts_as_no_open(keeper: Visitor, shop: Scene) -> None:
    body = keeper.get(f"/mailbox/{shop.sent}/body")
    assert "/o/" not in body
    assert '<base target="_blank">' in body
    assert 'target="_self"' not in body


def test_text_and_headers_can_be_looked_at(keeper: Visitor, shop: Scene) -> None:
    text = keeper.get(f"/mailbox/{shop.sent}?view=text")
    assert "Hello Ada" in words(text)
    headers = words(keeper.get(f"/mailbox/{shop.sent}?view=headers", fragment=True))
    assert "To Ada Lovell &lt;ada@example.com&gt;" in headers
    assert "List-Unsubscribe-Post List-Unsubscribe=One-Click" in headers
    assert "iframe" not in keeper.get(f"/mailbox/{shop.sent}?view=headers", fragment=True)


def test_a_mail_that_waits_says_why(keeper: Visitor, shop: Scene) -> None:
    page = words(keeper.get(f"/mailbox/{shop.waiting}"))
    assert "There is nothing to show yet" in page
    assert "It is 22:10 there, and mails rest from 21:00 to 08:00 (Asia/Tokyo); put off until" in page
    assert keeper.ask(f"/mailbox/{shop.waiting}/body").status_code == 404


def test_a_mail_whose_variables_were_erased_stays_in_the_list(app: App, keeper: Visitor, shop: Scene) -> None:
    with app.db.write() as session:
        message = select(Message.id).where(Message.public_id == shop.sent).scalar_subquery()
        session.execute(update(Rendering).where(Rendering.message_id == message).values(variables={}, to_email=""))
    assert "Cart reminder, first" in words(keeper.get("/mailbox/"))
    page = words(keeper.get(f"/mailbox/{shop.sent}"))
    assert "It cannot be shown" in page


def test_the_mailbox_takes_a_fixed_number_of_statements(app: App, keeper: Visitor, shop: Scene) -> None:
    for path in ("/mailbox/", f"/mailbox/{shop.sent}"):
        keeper.get(path)
        with counted(app) as statements:
            keeper.get(path)
        assert len(statements) <= 12 + 4, "\n".join(statements)


def test_a_mail_that_is_not_there_is_404(keeper: Visitor, shop: Scene) -> None:
    assert keeper.ask("/mailbox/nothing").status_code == 404
    assert keeper.ask("/mailbox/nothing/body").status_code == 404
