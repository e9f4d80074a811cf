"""A campaign's versions: what was live when, who waits where, and going back to an older one."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from automation.actions import campaigns as actions
from automation.errors import CampaignBroken, NotAllowed
from automation.models import Admin, Campaign, CampaignVersion, Enrolment
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.flow_page import head, sentence, step_names
from webapp.navigation import the_store
from webapp.pages.campaigns import inside_of_form
from webapp.permissions import permission
from webapp.queries import campaigns as queries

blueprint = Blueprint("versions", __name__, url_prefix="/campaigns")

FATES = {
    "stays": "The step is the same.",
    "changes": "The step is there, with other settings.",
    "vanishes": "The step is gone.",
}
"""What a step becomes in the draft, as a person reads it."""


@blueprint.get("/<public_id>/versions")
@permission("view")
def index(public_id: str) -> str:
    """Every version, the newest first, and what publishing the draft would mean for those inside."""
    app = the_app()
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
        row = session.get_one(Campaign, campaign.id)
        waiting = (
            select(Enrolment.version_id, func.count(Enrolment.id).label("count"))
            .where(Enrolment.campaign_id == campaign.id, Enrolment.state == "active")
            .group_by(Enrolment.version_id)
            .subquery()
        )
        rows = session.execute(
            select(
                CampaignVersion.number,
                CampaignVersion.created_at.label("published_at"),
                func.coalesce(Admin.name, Admin.email, "").label("by"),
                func.coalesce(waiting.c.count, 0).label("waiting"),
            )
            .outerjoin(Admin, Admin.id == CampaignVersion.created_by)
            .outerjoin(waiting, waiting.c.version_id == CampaignVersion.id)
            .where(CampaignVersion.campaign_id == campaign.id)
            .order_by(CampaignVersion.number.desc())
        ).all()
        impact = actions.impact(session, row) if campaign.is_changed else []
        steps = step_names(app, session, campaign)
    return render_template(
        "campaigns/versions.html", rows=rows, impact=impact, steps=steps, fates=FATES, **head(campaign, "index")
    )


@blueprint.post("/<public_id>/versions/<int:number>/rollback")
@permission("manage")
def rollback(public_id: str, number: int) -> Response:
    """Make an older version live again."""
    app = the_app()
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
    try:
        with app.db.write() as session:
            row = session.get_one(Campaign, campaign.id, with_for_update=True)
            actions.rollback(app, session, row, number, app.clock(), current_admin().id, inside=inside_of_form())
    except (NotAllowed, CampaignBroken) as error:
        flash(sentence(error), "danger")
    else:
        flash(f"Version {number} is live again, as a new version.", "success")
    return redirect(url_for("versions.index", public_id=public_id), 303)


@blueprint.post("/<public_id>/duplicate")
@permission("edit")
def duplicate(public_id: str) -> Response:
    """A new draft that is the same."""
    app = the_app()
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
    with app.db.write() as session:
        row = session.get_one(Campaign, campaign.id)
        copy = actions.duplicate(session, row, app.clock(), current_admin().id).public_id
    flash("This is a copy, and a draft. Nobody is in it.", "success")
    return redirect(url_for("campaigns.one", public_id=copy), 303)
