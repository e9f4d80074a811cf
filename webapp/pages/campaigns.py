"""Campaigns: the list, the recipes, and one campaign with its flow, its people and its decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import campaigns as definitions
from automation.actions import campaigns as actions
from automation.app import App
from automation.campaigns import walk
from automation.errors import CampaignBroken, NotAllowed
from automation.models import Campaign, Store
from automation.reasons import verdict
from automation.transfers import Inside
from webapp import inspector as inspecting
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.flow_page import flow_page, head, sentence, step_names, with_capital
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission
from webapp.queries import campaigns as queries
from webapp.queries import flow
from webapp.queries.campaigns import CampaignDetail, DecisionRow
from webapp.queries.paging import mark

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@blueprint.app_template_filter("capitalize_first")
def capitalize_first(text: str) -> str:
    """The text with a capital at its beginning, and the rest as it is."""
    return with_capital(text)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The list."""
    app, store = the_app(), the_store()
    archived = bool(request.args.get("archived"))
    with app.db.read() as session:
        rows = queries.listing(app, session, store.id, archived=archived)
        archived_count = queries.archived_count(session, store.id)
    return render_template(
        "campaigns/index.html",
        rows=rows,
        archived=archived,
        archived_count=archived_count,
        currency=store.currency,
        triggers={kind: trigger.label for kind, trigger in app.triggers.items()},
    )


@blueprint.get("/new")
@permission("edit")
def gallery() -> str:
    """The recipes to start from."""
    app = the_app()
    recipes = [
        {
            "name": recipe.name,
            "title": recipe.title,
            "description": recipe.description,
            "icon": recipe.icon,
            "steps": [
                {"icon": card.icon, "sentence": card.sentence, "tone": inspecting.TONES.get(card.kind, "green")}
                for card in flow.cards(app, list(walk(recipe.definition.flow)), {})
            ],
        }
        for recipe in actions.recipes().values()
    ]
    return render_template("campaigns/gallery.html", recipes=recipes)


@blueprint.post("/new/<recipe>")
@permission("edit")
def create(recipe: str) -> Response:
    """A draft from a recipe."""
    app = the_app()
    with app.db.write() as session:
        store = session.get_one(Store, the_store().id)
        row = actions.create_from_recipe(app, session, store, recipe, app.clock(), current_admin().id)
        public_id = row.public_id
    flash("This is a draft. Look it through, then publish it.", "success")
    return redirect(url_for("campaigns.one", public_id=public_id), 303)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One campaign with its flow."""
    app = the_app()
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
        spot = request.args.get("add", "")
        return flow_page(app, session, campaign, chosen=request.args.get("edit", ""), spot=spot)


@blueprint.get("/<public_id>/inspector/<part>")
@permission("edit")
def inspector(public_id: str, part: str) -> str | Response:
    """One part's form, as a fragment; the page with it open where a whole page is asked for."""
    if not is_fragment():
        return redirect(url_for("campaigns.one", public_id=public_id, edit=part))
    app = the_app()
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
        definition = definitions.read(campaign.draft)
        found = inspecting.find(app, definition, part) or abort(404)
        shown = inspecting.show(found, inspecting.choices(app, session, campaign.store_id, definition))
    return render_template(
        "campaigns/inspector.html",
        campaign=campaign,
        definition=definition,
        inspector=shown,
        adding=None,
        is_editable=True,
        shows_live=False,
    )


@blueprint.post("/<public_id>/save/<part>")
@permission("edit")
def save(public_id: str, part: str) -> Response:
    """Keep one part's settings in the draft, or show what is wrong with them."""
    app, now = the_app(), the_app().clock()
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
        definition = definitions.read(campaign.draft)
        found = inspecting.find(app, definition, part) or abort(404)
        choices = inspecting.choices(app, session, campaign.store_id, definition)
        settings, shown = inspecting.read(found, request.form, choices)
        if settings is None:
            return Response(flow_page(app, session, campaign, chosen=part, shown=shown), 422, mimetype="text/html")
    with app.db.write() as session:
        row = _locked(session, campaign.id)
        # Only this part is replaced, so that what was saved meanwhile in another part stays.
        draft = inspecting.changed(definitions.read(row.draft), part, settings)
        try:
            actions.edit(app, session, row, draft, now, current_admin().id)
        except CampaignBroken as error:
            shown.form.error = sentence(error)
            broken = True
        else:
            broken = False
    if broken:
        with app.db.read() as session:
            return Response(flow_page(app, session, campaign, chosen=part, shown=shown), 422, mimetype="text/html")
    flash("Saved to the draft.", "success")
    return redirect(url_for("campaigns.one", public_id=public_id), 303)


@blueprint.get("/<public_id>/people")
@permission("view")
def people(public_id: str) -> str:
    """Who entered, where they are, and how they left."""
    app = the_app()
    state = request.args.get("state", "")
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
        page = queries.people(session, campaign.id, state, mark(request.args.get("after")))
        steps = step_names(app, session, campaign)
    name = "people_rows" if is_fragment() else "people"
    return render_template(f"campaigns/{name}.html", page=page, state=state, steps=steps, **head(campaign, "people"))


@blueprint.get("/<public_id>/decisions")
@permission("view")
def decisions(public_id: str) -> str:
    """What was decided on each mail, and why."""
    app = the_app()
    outcome = request.args.get("outcome", "")
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
        page = queries.decisions(session, campaign.id, outcome, mark(request.args.get("after")))
    name = "decision_rows" if is_fragment() else "decisions"
    return render_template(
        f"campaigns/{name}.html", page=page, outcome=outcome, why=_why, **head(campaign, "decisions")
    )


def inside_of_form() -> Inside:
    """What a form says becomes of the people who are on an older version."""
    said = request.form.get("inside", "")
    return "move" if said == "move" else "exit" if said == "exit" else "finish"


@blueprint.post("/<public_id>/publish")
@permission("manage")
def publish(public_id: str) -> Response:
    """Make the draft live; the form says what becomes of those who are on an older version."""
    app, inside = the_app(), inside_of_form()
    return _act(
        public_id,
        lambda session, row: actions.publish(app, session, row, app.clock(), current_admin().id, inside=inside),
        "Published. Its trigger is watched from now on.",
    )


@blueprint.post("/<public_id>/pause")
@permission("manage")
def pause(public_id: str) -> Response:
    """Hold everything."""
    return _act(
        public_id,
        lambda session, row: actions.pause(session, row, the_app().clock(), current_admin().id),
        "Paused. Nobody enters and nothing is sent until you resume it.",
    )


@blueprint.post("/<public_id>/resume")
@permission("manage")
def resume(public_id: str) -> Response:
    """Go on."""
    return _act(
        public_id,
        lambda session, row: actions.resume(session, row, the_app().clock(), current_admin().id),
        "Resumed. What fell due meanwhile is caught up.",
    )


@blueprint.post("/<public_id>/stop")
@permission("manage")
def stop(public_id: str) -> Response:
    """Let nobody enter any more."""
    everyone = "exit_everyone" in request.form
    return _act(
        public_id,
        lambda session, row: actions.stop(session, row, the_app().clock(), current_admin().id, exit_everyone=everyone),
        "Stopped. Nobody enters any more.",
    )


@blueprint.post("/<public_id>/archive")
@permission("manage")
def archive(public_id: str) -> Response:
    """Put it away."""
    return _act(
        public_id,
        lambda session, row: actions.archive(session, row, the_app().clock(), current_admin().id),
        "Archived. Its figures are kept.",
    )


def _found(app: App, session: Session, public_id: str) -> CampaignDetail:
    return queries.one(app, session, the_store().id, public_id) or abort(404)


def _locked(session: Session, campaign_id: int) -> Campaign:
    return session.get_one(Campaign, campaign_id, with_for_update=True)


def _act(public_id: str, action: Callable[[Session, Campaign], Any], done: str) -> Response:
    """Do it in one transaction and say how it went, on the campaign's page."""
    app = the_app()
    with app.db.read() as session:
        campaign = _found(app, session, public_id)
    try:
        with app.db.write() as session:
            action(session, _locked(session, campaign.id))
    except (NotAllowed, CampaignBroken) as error:
        flash(sentence(error), "danger")
    else:
        flash(done, "success")
    return redirect(url_for("campaigns.one", public_id=public_id), 303)


def _why(row: DecisionRow) -> str:
    return verdict(row.outcome, row.reason, row.facts, row.until, row.timezone).partition(": ")[2]
