"""A mail as it is being written, as a customer would get it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions.templates import sample
from automation.app import App
from automation.editing import checks
from automation.editing.marking import marked, unmarked
from automation.editing.tree import Document, read
from automation.errors import TemplateBroken
from automation.models import Customer, Message, Store
from automation.rendering.compose import context
from automation.rendering.context import VALUES
from automation.rendering.links import addresses
from automation.rendering.mail import Compiled, MailSource, Rendered
from automation.rendering.value import Batch

_NO_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered mail, its blocks marked with classes, and what was noticed."""

    document: Document
    rendered: Rendered
    """Its HTML has the marks of `marking.marked`."""
    preheader: str
    size: int
    """Bytes of the HTML that would be sent."""
    limit: int
    findings: list[checks.Finding]


def variables(
    app: App, session: Session, store: Store, name: str, customer: Customer | None, now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """Sample variables, with the store's own and a customer's in place of what they have; and the names of those.

    What belongs to an occasion (the cart, the order) stays the sample's: a preview has no occasion.
    """
    found = sample(name)
    people = [customer] if customer is not None else []
    message = Message(
        id=0, store_id=store.id, customer_id=customer.id if customer else 0, mail_class="lifecycle", topic="marketing"
    )
    batch = Batch(session, now, [message], {store.id: store}, {c.id: c for c in people}, {}, app.triggers)
    real = []
    for value_name in VALUES if customer is not None else ("store",):
        loaded = VALUES[value_name].load(batch, [message])(message)
        if _is_something(loaded):
            found[value_name] = loaded
            real.append(value_name)
    return found, real


def _is_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_something(v) for v in value.values())
    if isinstance(value, list | tuple):
        return any(_is_something(v) for v in value)
    return value not in (None, "", 0, False)


def customer_of(session: Session, store: Store, public_id: str) -> Customer | None:
    """A customer of the store that a mail can be shown for; None for none or for one without an address."""
    if not public_id:
        return None
    return session.scalars(
        select(Customer).where(
            Customer.store_id == store.id, Customer.public_id == public_id, Customer.email.is_not(None)
        )
    ).first()


def show(app: App, source: MailSource, values: Mapping[str, Any], extra: Iterable[checks.Finding] = ()) -> Preview:
    """Compile and render a mail that is being written. Raises TemplateBroken, with part and line."""
    document = read(source.mjml)
    compiled = app.renderer.compile(
        MailSource(subject=source.subject, mjml=marked(document), text=source.text, includes=source.includes)
    )
    found = list(extra)
    try:
        rendered = _rendered(app, compiled, values, is_strict=True)
    except TemplateBroken as broken:
        # A name that is not there fails a strict preview; a mail that is sent shows nothing in its place.
        rendered = _rendered(app, compiled, values, is_strict=False)
        found.append(checks.Finding("warning", str(broken)))
    size, limit = checks.size_of(unmarked(rendered.html))
    if size > limit:
        found.append(checks.Finding("danger", f"The mail has {size // 1024} KB; Gmail cuts it off behind 102 KB."))
    return Preview(
        document=document,
        rendered=rendered,
        preheader=compiled.preheader,
        size=size,
        limit=limit,
        findings=[*found, *checks.findings(document, compiled, rendered)],
    )


def _rendered(app: App, compiled: Compiled, values: Mapping[str, Any], *, is_strict: bool) -> Rendered:
    # Looking at a mail that is being written asks for no pixel.
    links = replace(addresses(app.settings.public_url, "preview"), pixel=_NO_PIXEL)
    key = f"editing {hash((compiled.subject, compiled.html, compiled.text))}"
    found = app.renderer.render(key, compiled, [context(values, links)], is_strict=is_strict)[0]
    if isinstance(found, TemplateBroken):
        raise found
    return found
