"""The door of a shared journey map: figures about many, nothing about anybody, for who holds the link."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState

from automation.actions.journey import shared_by
from automation.errors import TooOften
from automation.insights.periods import NAMED, USUAL, latest
from automation.insights.report import Asked, report
from automation.models import Store
from automation.pace import Pace
from webapp.factory import the_app
from webapp.permissions import permission
from webapp.recipients import later, nothing, page

blueprint = Blueprint("journey_doors", __name__)

REPORTS = ("journey_stages", "touchpoints", "journey_movement")


@blueprint.record
def _open(state: BlueprintSetupState) -> None:
    state.app.extensions["cartwheel.journey_shares"] = Pace(per_second=1, burst=20)


@blueprint.get("/j/<token>")
@permission("public")
def shared(token: str) -> Response:
    """The map of the last days, to read."""
    app = the_app()
    with app.db.read() as session:
        store_id = shared_by(session, token)
        if store_id is None:
            return nothing()
        try:
            current_app.extensions["cartwheel.journey_shares"].take(store_id)
        except TooOften:
            return later(429)
        store, now = session.get_one(Store, store_id), app.clock()
        asked = Asked(store.id, store.currency, latest(NAMED[USUAL], now, ZoneInfo(store.timezone)), now)
        found = [(report(name).title, report(name).table(session, asked)) for name in REPORTS]
        return page("journey", store_name=store.name, period=asked.period, found=found)
