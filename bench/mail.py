"""The benchmark's mail: about 40 KB of HTML, personalised throughout, with three dozen tracked links."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Customer, Message, Store, Template, TemplateVersion
from automation.rendering.mail import MailSource
from automation.security import random_id
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

SUBJECT = "{{ customer.first_name }}, six things we set aside for you"

_COLUMN = """
<mj-column>
  <mj-image src="{{{{ products[{i}].image_url }}}}" alt="{{{{ products[{i}].title }}}}"
    href="{{{{ products[{i}].url }}}}" />
  <mj-text><b>{{{{ products[{i}].title }}}}</b><br/>for {{{{ customer.first_name }}}}
  {{% if products[{i}].price > 1000 %}}today{{% else %}}this week{{% endif %}}: {{{{ products[{i}].price }}}}</mj-text>
  <mj-button href="{{{{ products[{i}].url }}}}">Look at it, {{{{ customer.first_name }}}}</mj-button>
</mj-column>
"""
_ROW = "<mj-section>" + "".join(_COLUMN.format(i=i) for i in range(3)) + "</mj-section>"
_ROW_2 = "<mj-section>" + "".join(_COLUMN.format(i=i) for i in range(3, 6)) + "</mj-section>"

MJML = (
    "<mjml><mj-head><mj-title>News</mj-title><mj-preview>Hello {{ customer.first_name }}</mj-preview></mj-head>"
    "<mj-body>"
    "<mj-section><mj-column><mj-text>Dear {{ customer.first_name }} {{ customer.last_name }} "
    "of {{ customer.city }},</mj-text>"
    + "".join(
        f'<mj-text>Shelf {n}: <a href="https://shop.example.com/shelf/{n}">have a look</a></mj-text>' for n in range(16)
    )
    + "</mj-column></mj-section>"
    + _ROW
    + _ROW_2
    + _ROW
    + _ROW_2
    + "<mj-section><mj-column><mj-text>{{ store.name }}, {{ store.postal_address }} "
    '<a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>'
)


def version(app: App, session: Session, store: Store, now: datetime) -> TemplateVersion:
    """The mail as a template version of a store."""
    compiled = app.renderer.compile(MailSource(subject=SUBJECT, mjml=MJML))
    template = Template(
        public_id=random_id(), store_id=store.id, name="bench", title="Bench", created_at=now, updated_at=now
    )
    session.add(template)
    session.flush()
    row = TemplateVersion(
        template_id=template.id,
        number=1,
        subject=compiled.subject,
        mjml=compiled.mjml,
        html=compiled.html,
        text=compiled.text,
        preheader=compiled.preheader,
        links=[
            {"number": x.number, "url": x.url, "label": x.label, "is_dynamic": x.is_dynamic} for x in compiled.links
        ],
        names=list(compiled.names),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def audience(session: Session, store: Store, count: int) -> list[Customer]:
    """Customers who agreed, and six products to show them."""
    for i in range(6):
        make.product(session, store, f"p{i}", price=500 + 200 * i)
    return [
        make.customer(session, store, f"Ada{i}", last_name="Lovelace", city="London", timezone="UTC")
        for i in range(count)
    ]


def drafts(session: Session, customers: list[Customer], version: TemplateVersion, now: datetime) -> None:
    """One promotional draft for each."""
    session.add_all(
        Message(
            public_id=random_id(),
            store_id=customer.store_id,
            customer_id=customer.id,
            template_version_id=version.id,
            mail_class="promotional",
            rank=3,
            due_at=now,
            created_at=now,
        )
        for customer in customers
    )
    session.flush()
