"""Settings: who writes, how often and when, and the switch that stops all sending."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from automation.actions import stores
from automation.actions.stores import Sender
from automation.errors import NotAllowed
from automation.policy import Policy
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import shell, the_store
from webapp.permissions import permission

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

LABELS = {
    "gap_hours": "Hours between two mails",
    "defer_hours": "Hours a mail may be put off",
    "quiet_from": "Quiet from",
    "quiet_until": "Quiet until",
    "catch_up_hours": "Hours to catch up",
    "attribution_days": "Days a click counts",
    "attribution_opens": "Opens count, too",
}
"""What the policy's fields are called on the page."""


def _sender() -> Form:
    store = shell().store
    return zoned(draw(Sender, {name: getattr(store, name) for name in Sender.model_fields} if store else None))


def zoned(form: Form) -> Form:
    """The zone is chosen from those there are."""
    form["timezone"].widget, form["timezone"].limits = "select", {}
    form["timezone"].choices = [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
    return form


def _named(form: Form) -> Form:
    for one in form.fields:
        one.label = LABELS.get(one.name.removeprefix("policy_"), one.label)
        one.is_required = False
    return form


def _policy() -> Form:
    store = shell().store
    return _named(draw(Policy, Policy.model_validate(store.policy if store else {}), prefix="policy_"))


def _page(sender: Form, policy: Form) -> str:
    return render_template("settings/index.html", sender=sender, policy=policy)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """Both forms."""
    return _page(_sender(), _policy())


@blueprint.post("/sender")
@permission("manage")
def sender() -> Response | tuple[str, int]:
    """Store who writes; the first time this makes the store."""
    app = the_app()
    typed, form = read(Sender, request.form)
    if not isinstance(typed, Sender):
        return _page(zoned(form), _policy()), 422
    store = shell().store
    with app.db.write() as session:
        stores.save_sender(session, store.id if store else None, typed, app.clock(), current_admin().id)
    flash("The store's sender is stored.")
    return redirect(url_for("settings.index"), 303)


@blueprint.post("/policy")
@permission("manage")
def policy() -> Response | tuple[str, int]:
    """Store the sending rules."""
    app = the_app()
    typed, form = read(Policy, request.form, prefix="policy_")
    if not isinstance(typed, Policy):
        return _page(_sender(), _named(form)), 422
    with app.db.write() as session:
        stores.save_policy(session, the_store().id, typed, app.clock(), current_admin().id)
    flash("The sending rules are stored; they hold from the next decision on.")
    return redirect(url_for("settings.index"), 303)


@blueprint.post("/sending")
@permission("manage")
def sending() -> Response:
    """Stop or resume all sending."""
    app = the_app()
    wanted = request.form.get("is_paused")
    if wanted not in ("yes", "no"):
        raise NotAllowed("Sending can be paused or resumed, nothing else.")
    with app.db.write() as session:
        stores.set_paused(session, is_paused=wanted == "yes", now=app.clock(), admin_id=current_admin().id)
    flash("All sending is paused." if wanted == "yes" else "Mails leave again.")
    return redirect(url_for("settings.index"), 303)
