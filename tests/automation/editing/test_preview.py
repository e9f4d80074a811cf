from __future__ import annotations

import pytest

from automation.actions.mail_desk import empty_source
from automation.app import App
from automation.editing import preview
from automation.editing.marking import unmarked
from automation.editing.tree import read
from automation.errors import TemplateBroken
from automation.models import Customer, Store
from automation.rendering.mail import MailSource
from tests import make
from tests.automation.editing.mails import shipped
from tests.conftest import NOW

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def mail(inner: str, subject: str = "Hello") -> MailSource:
    source = empty_source()
    mjml = source.mjml.replace("      </mj-column>", f"{inner}\n      </mj-column>", 1)
    return MailSource(subject=subject, mjml=mjml)


def values(app: App, customer: str = "") -> tuple[dict[str, object], list[str]]:
    with app.db.write() as session:
        store = session.get(Store, 1) or make.store(session)
        found = make.customer(session, store, customer, city="Vienna") if customer else None
        return preview.variables(app, session, store, "welcome", found, NOW)


def texts(app: App, source: MailSource) -> list[str]:
    return [f.text for f in preview.show(app, source, values(app)[0]).findings]


def test_an_empty_mail_has_nothing_to_put_right(app: App) -> None:
    shown = preview.show(app, empty_source(), values(app)[0])
    assert shown.findings == []
    assert shown.rendered.subject == "News from Wren & Thistle"
    assert shown.preheader == "What the inbox shows behind the subject."
    assert 1000 < shown.size < shown.limit


def test_every_block_of_every_shipped_mail_can_be_found_in_the_rendering(app: App) -> None:
    name = "cart_reminder_1"
    with app.db.write() as session:
        store = make.store(session)
        sample, _ = preview.variables(app, session, store, name, None, NOW)
    source = MailSource(subject="x", mjml=shipped()[name])
    shown = preview.show(app, source, sample)
    for node in shown.document.nodes:
        if not node.is_logic:
            assert f"cw-b{node.number}" in shown.rendered.html, node.name
    plain = app.renderer.compile(source)
    assert "cw-b" not in unmarked(shown.rendered.html)
    assert abs(len(unmarked(shown.rendered.html)) - len(plain.html)) < len(plain.html)


def test_a_customer_stands_in_place_of_the_sample(app: App) -> None:
    found, real = values(app, "Zoe")
    shown = preview.show(app, mail("<mj-text>Hi {{ customer.first_name }} in {{ customer.city }}</mj-text>"), found)
    assert "Hi Zoe in Vienna" in shown.rendered.text
    assert "customer" in real
    assert "cart" not in real
    with app.db.read() as session:
        assert session.query(Customer).count() == 1


def test_another_stores_customer_is_nobody(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session, name="Other")
        theirs = make.customer(session, other, "Zoe")
        assert preview.customer_of(session, store, theirs.public_id) is None
        assert preview.customer_of(session, other, theirs.public_id) is theirs


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ('<mj-image src="https://a.example/b.png" />', "no alternative text"),
        ("<mj-text>{{ nonsense }}</mj-text>", "nothing called “nonsense”"),
        ("<mj-text>{{ customer.nonsense }}</mj-text>", "no “nonsense”"),
        ('<mj-text><a href="http://a.example/">x</a></mj-text>', "is not https"),
        ("<mj-button>Go</mj-button>", "“Go” leads nowhere"),
        (
            '<mj-button href="https://a.example" color="#ffffff" background-color="#dddddd">Go</mj-button>',
            "hard to read",
        ),
        (f"<mj-text>{'<p>word</p>' * 12_000}</mj-text>", "Gmail cuts it off"),
    ],
)
def test_what_is_doubtful_is_said(app: App, inner: str, said: str) -> None:
    assert any(said in text for text in texts(app, mail(inner)))


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("", "no subject"),
        ("word " * 20, "99 letters"),
        ("BUY EVERYTHING NOW", "shouts"),
        ("Act now, {{ store.name }}", "advertising"),
    ],
)
def test_a_doubtful_subject_is_said(app: App, subject: str, said: str) -> None:
    assert any(said in text for text in texts(app, mail("", subject)))


def test_a_missing_way_out_is_said(app: App) -> None:
    source = mail("")
    found = texts(app, MailSource(subject="x", mjml=source.mjml.replace("{{ unsubscribe_url }}", "https://a.example")))
    assert any("no unsubscribe link" in text for text in found)


def test_a_mistake_has_its_line(app: App) -> None:
    for inner in ("<mj-text>{{ a b }}</mj-text>", "<mj-text>{{ a.b() }}</mj-text>", "<mj-nothing />"):
        source = mail(inner)
        with pytest.raises(TemplateBroken) as caught:
            preview.show(app, source, values(app)[0])
        assert caught.value.line == source.mjml[: source.mjml.index(inner)].count("\n") + 1
        node = read(mail("<mj-text>x</mj-text>").mjml).on_line(caught.value.line)
        assert node is not None
        assert node.name == "mj-text"
