"""Two questions about a campaign: why did this customer get its mails or not, and what would it have done."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, current_app, render_template, request
from flask.blueprints import BlueprintSetupState

from automation.backtest import Backtest, backtest
from automation.errors import CampaignBroken, RuleBroken
from automation.explaining import why
from automation.lookup import customer_called
from automation.models import Campaign
from automation.reasons import day_and_time
from webapp.factory import the_app
from webapp.flow_page import head
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import campaigns as queries

blueprint = Blueprint("answers", __name__, url_prefix="/campaigns")

DAYS = (7, 30, 90, 180, 365)
"""How far back a replay may look."""
SHOWN = 100
"""Entrants that the page lists."""


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    # A replay reads a year of history: one at a time in each process, so that the pages stay quick.
    state.app.extensions["cartwheel.replaying"] = threading.Lock()


@blueprint.get("/<public_id>/why")
@permission("view")
def check(public_id: str) -> tuple[str, int]:
    """Why a customer did, or did not, get the campaign's mails."""
    app, text = the_app(), request.args.get("customer", "").strip()[:320]
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
        customer = customer_called(session, campaign.store_id, text) if text else None
        answer = why(app, session, session.get_one(Campaign, campaign.id), customer, app.clock()) if customer else None
        if customer is not None:
            session.expunge(customer)
    page = render_template(
        "campaigns/why.html",
        text=text,
        customer=customer,
        answer=answer,
        is_unknown=bool(text) and customer is None,
        moment=day_and_time,
        **head(campaign, "check"),
    )
    return page, 404 if text and customer is None else 200


@blueprint.get("/<public_id>/what-if")
@permission("view")
def what_if(public_id: str) -> tuple[str, int]:
    """What the campaign's draft would have done over the store's own history; nothing is written or sent."""
    app = the_app()
    days = request.args.get("days", type=int)
    found, problem = None, ""
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
        if days in DAYS:
            lock = current_app.extensions["cartwheel.replaying"]
            if not lock.acquire(blocking=False):
                problem = "Another replay is under way. Ask again in a few seconds."
            else:
                try:
                    now = app.clock()
                    row = session.get_one(Campaign, campaign.id)
                    found = backtest(app, session, row, now - timedelta(days=days), now)
                except (CampaignBroken, RuleBroken) as error:
                    problem = f"The draft cannot be replayed yet: {error}."
                finally:
                    lock.release()
    page = render_template(
        "campaigns/what_if.html",
        days=days if days in DAYS else 90,
        choices=DAYS,
        found=found,
        shown=found.entrants[:SHOWN] if found else (),
        chart=_chart(found) if found else None,
        problem=problem,
        moment=day_and_time,
        **head(campaign, "what_if"),
    )
    return page, 409 if problem else 200


def _chart(found: Backtest) -> dict[str, Any]:
    return {
        "kind": "bar",
        "categories": [f"{day.on:%-d %b}" for day in found.days],
        "series": [
            {"name": "Entered", "values": [day.entered for day in found.days], "tone": "secondary"},
            {"name": "Mails", "values": [day.mails for day in found.days], "tone": "primary"},
        ],
    }
