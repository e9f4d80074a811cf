"""Consent and the law: a store's rules, what people asked for, and one customer's access and erasure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from automation import consent_policy
from automation.actions import privacy as actions
from automation.consent_policy import ConsentPolicy, Rules, Topic
from automation.erasing import requests
from automation.errors import NotAllowed
from automation.models import Customer, PrivacyRequest, Store
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission

blueprint = Blueprint("privacy", __name__, url_prefix="/privacy")

LABELS = {
    "is_implied": "Implied consent",
    "purchase_months": "Months after a purchase",
    "inquiry_months": "Months after an inquiry",
    "tracking": "Clicks and opens",
    "unconfirmed_days": "Days for a confirmation",
    "erases_at_once": "Erase by itself",
}
WORDS = {
    "access": ("Access", "They want to see what is held of them.", "eye"),
    "erasure": ("Erasure", "They want to be forgotten.", "user-minus"),
    "store_erasure": (
        "The shop’s data",
        "The shop removed the app and asks to erase what came from it.",
        "building-store",
    ),
}
_AT_ONCE = 200


def _form(rules: ConsentPolicy) -> Form:
    return _named(draw(Rules, {name: getattr(rules, name) for name in Rules.model_fields}))


def _named(form: Form) -> Form:
    for one in form.fields:
        one.label = LABELS[one.name]
    return form


def _written(topics: Sequence[Topic]) -> str:
    return "\n".join(": ".join(filter(None, (t.key, t.label, t.description))) for t in topics)


def _topics(text: str) -> tuple[Topic, ...]:
    """Topics as they are typed, one a line: key: label: description. Raises NotAllowed naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key, label, description = ([part.strip() for part in re.split(r":\s*", line, maxsplit=2)] + ["", ""])[:3]
        try:
            found.append(Topic(key=key, label=label or key, description=description))
        except ValidationError as error:
            raise NotAllowed(f"Line {number}: write a key of small letters, a colon and a label.") from error
    return tuple(found)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The rules and what is asked for."""
    rules = consent_policy.of_store(the_store())
    return _page(_form(rules), _written(rules.topics))


def _page(form: Form, topics: str, error: str = "") -> str:
    with the_app().db.read() as session:
        found = requests.open_requests(session, the_store().id)
        ids = [r.customer_id for r in found if r.customer_id]
        customers = {c.id: c for c in session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    return render_template(
        "privacy/index.html", form=form, topics=topics, error=error, requests=found, customers=customers, words=WORDS
    )


@blueprint.post("/rules")
@permission("manage")
def rules() -> AnyResponse | tuple[str, int]:
    """Store the rules of consent."""
    app, text = the_app(), request.form.get("topics", "")
    typed, form = read(Rules, request.form)
    before = consent_policy.of_store(the_store())
    if typed is None:
        return _page(_named(form), text, "Something is not right yet."), 422
    try:
        topics = _topics(text)
        stored = ConsentPolicy.model_validate({**before.model_dump(), **typed.model_dump(), "topics": topics})
    except (NotAllowed, ValidationError) as error:
        words = str(error) if isinstance(error, NotAllowed) else "Topics: at least one, and each with a key of its own."
        return _page(_named(form), text, words), 422
    with app.db.write() as session:
        actions.save_rules(session, the_store().id, stored, app.clock(), current_admin().id)
    flash("The rules of consent are stored; they hold from now on.")
    return redirect(url_for("privacy.index"), 303)


@blueprint.post("/requests/<int:request_id>/<what>")
@permission("manage")
def answer(request_id: int, what: str) -> AnyResponse:
    """Carry a request out, or write down that it was answered."""
    if what not in ("erase", "done"):
        abort(404)
    app, admin_id = the_app(), current_admin().id
    more = 1
    while more:
        with app.db.write() as session:
            wanted = _request(session, request_id)
            if what == "done":
                requests.finish(session, wanted, app.clock(), admin_id)
                more = 0
            elif wanted.kind == "store_erasure":
                more = requests.erase_shop(session, wanted, app.clock(), _AT_ONCE, admin_id)
            else:
                requests.fulfil_erasure(session, wanted, app.clock(), admin_id)
                more = 0
    flash("Done, and written down with the time.")
    return redirect(url_for("privacy.index"), 303)


def _request(session: Session, request_id: int) -> PrivacyRequest:
    row = session.get(PrivacyRequest, request_id)
    return row if row is not None and row.store_id == the_store().id else abort(404)


@blueprint.get("/customers/<public_id>/access.zip")
@permission("manage")
def access(public_id: str) -> Response:
    """Everything that is held of a customer, for them to have."""
    app = the_app()
    with app.db.write() as session:
        packed = actions.give_access(session, _customer(session, public_id), app.clock(), current_admin().id)
    name = f"{re.sub(r'[^A-Za-z0-9]+', '-', _name()).strip('-') or 'store'}-{public_id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(packed, content_type="application/zip", headers=headers)


def _name() -> str:
    store: Store = the_store()
    return store.name


@blueprint.post("/customers/<public_id>/erase")
@permission("manage")
def erase(public_id: str) -> AnyResponse:
    """Erase a customer for good."""
    app = the_app()
    with app.db.write() as session:
        actions.erase_for_good(session, _customer(session, public_id), app.clock(), current_admin().id)
    flash("Erased. No sync or import brings them back; they themselves may come back by a form.")
    return redirect(url_for("customers.index"), 303)


def _customer(session: Session, public_id: str) -> Customer:
    row = session.scalars(
        select(Customer).where(Customer.public_id == public_id, Customer.store_id == the_store().id)
    ).one_or_none()
    return row or abort(404)
