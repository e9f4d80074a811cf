"""Referrals: friends that customers brought, and a person's word on those that are in doubt."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from automation.actions import loyalty as actions
from automation.loyalty import programme
from automation.models import Referral
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import loyalty as queries

blueprint = Blueprint("referrals", __name__, url_prefix="/loyalty/referrals")

STATES = {
    "": "All",
    "suspected": "In doubt",
    "pending": "Waiting for the order",
    "approved": "Rewarded",
    "rejected": "Rejected",
}


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The newest referrals, those in doubt first."""
    state = request.args.get("state", "")
    if state not in STATES:
        abort(404)
    store = the_store()
    with the_app().db.read() as session:
        rows, after = queries.referrals(session, store.id, state, request.args.get("after", ""))
    rules = programme.of(store)
    invites = rules.is_on and bool(rules.referrer or rules.friend or rules.friend_offer)
    return render_template(
        "loyalty/referrals.html", rows=rows, after=after, state=state, states=STATES, invites=invites
    )


@blueprint.post("/<int:referral_id>/<what>")
@permission("manage")
def judge(referral_id: int, what: str) -> Response:
    """Approve or reject one."""
    if what not in ("approve", "reject"):
        abort(404)
    app = the_app()
    with app.db.write() as session:
        row = session.get(Referral, referral_id)
        if row is None or row.store_id != the_store().id:
            abort(404)
        judged = actions.judge_referral(
            session, referral_id, app.clock(), is_approved=what == "approve", admin_id=current_admin().id
        )
        state = judged.state
    said = {
        "approved": "Approved: the points are given.",
        "pending": "Approved: the points come with the friend’s first order.",
        "rejected": "Rejected: nobody gets points for it.",
    }
    flash(said[state])
    return redirect(url_for("referrals.index"), 303)
