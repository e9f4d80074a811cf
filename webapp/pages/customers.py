"""Customers: the search, and one customer with everything that happened."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import suppressions
from automation.insights.touches.channels import CHANNELS
from automation.models import Customer
from automation.reasons import SUPPRESSIONS, day_and_time, zone
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.moments import source_words, tell
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission
from webapp.queries import customers as queries
from webapp.queries.customers import CustomerDetail
from webapp.queries.paging import mark
from webapp.queries.timeline import GROUPS, timeline

blueprint = Blueprint("customers", __name__, url_prefix="/customers")


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The list, perhaps of those whom a search finds."""
    app, store = the_app(), the_store()
    text = request.args.get("q", "").strip()[:200]
    after = mark(request.args.get("after"))
    with app.db.read() as session:
        page = queries.search(session, store.id, text, after)
        is_empty = not page and not text and not queries.has_any(session, store.id)
    name = "rows" if is_fragment() and after else "list" if is_fragment() else "index"
    return render_template(f"customers/{name}.html", page=page, q=text, is_empty=is_empty, currency=store.currency)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One customer; a fragment is a page of the timeline."""
    app = the_app()
    kind = request.args.get("kind", "")
    after = mark(request.args.get("after"))
    with app.db.read() as session:
        customer = _found(session, public_id)
        page = timeline(session, customer.id, kind or None, after)
    told = [tell(moment, customer.timezone) for moment in page.rows]
    name = "moments" if is_fragment() and after else "timeline" if is_fragment() else "one"
    return render_template(
        f"customers/{name}.html",
        customer=customer,
        standing=customer.standing,
        told=told,
        next=page.next,
        kind=kind if kind in GROUPS else "",
        kinds=GROUPS,
        local_now=day_and_time(app.clock(), customer.timezone),
        offset=f"{app.clock().astimezone(zone(customer.timezone)):%z}",
        suppression=SUPPRESSIONS.get(customer.suppression, customer.suppression),
        may_lift=suppressions.may_lift(customer.suppression),
        source_words=source_words,
        channel_names=CHANNELS,
    )


@blueprint.post("/<public_id>/lift")
@permission("manage")
def lift(public_id: str) -> Response:
    """Let the address be mailed again."""
    app = the_app()
    with app.db.write() as session:
        row = session.get_one(Customer, _found(session, public_id).id)
        suppressions.lift(session, row, app.clock(), current_admin().id)
    flash("The address may be mailed again.", "success")
    return redirect(url_for("customers.one", public_id=public_id), 303)


def _found(session: Session, public_id: str) -> CustomerDetail:
    return queries.one(session, the_store().id, public_id) or abort(404)
