"""Changing a campaign's flow: steps come, go, move and are copied; every change can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask import session as cookie
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import campaigns as definitions
from automation import drafts, flow_editing, segments
from automation.actions import campaigns as actions
from automation.campaigns import Definition, StepNode, TriggerChoice, walk
from automation.errors import CampaignBroken, NotAllowed, RuleBroken
from automation.models import Campaign, Store
from automation.rules import english, language
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.flow_page import adding, sentence
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission
from webapp.queries import campaigns as queries

blueprint = Blueprint("builder", __name__, url_prefix="/campaigns")

Change = Callable[[Session, Campaign], str]
"""Changes a draft; answers the id of the step to show then, or ""."""
BULK: dict[str, str] = {"pause": "paused", "resume": "resumed", "stop": "stopped", "archive": "archived"}


@blueprint.app_template_global()
def trigger_kinds() -> list[tuple[str, str]]:
    """What can start a campaign: (kind, label), by label."""
    return sorted(((kind, trigger.label) for kind, trigger in the_app().triggers.items()), key=lambda one: one[1])


@blueprint.app_template_global()
def rule_words(rule: dict[str, Any]) -> str:
    """A rule of a draft as a sentence."""
    return english.sentence(language.read(rule))


@blueprint.post("/empty")
@permission("edit")
def create() -> Response:
    """A draft without steps."""
    app = the_app()
    kind, name = request.form.get("trigger", ""), request.form.get("name", "").strip()
    if kind not in app.triggers:
        raise NotAllowed("Choose what starts the campaign.")
    with app.db.write() as session:
        store = session.get_one(Store, the_store().id)
        empty = Definition(trigger=TriggerChoice(kind=kind))
        row = actions.create(session, store, name or app.triggers[kind].label, empty, app.clock(), current_admin().id)
        public_id = row.public_id
    flash("This is a draft. Put its steps in, then publish it.", "success")
    return redirect(url_for("campaigns.one", public_id=public_id), 303)


@blueprint.get("/<public_id>/add")
@permission("edit")
def add(public_id: str) -> str | Response:
    """What can be put at a spot, as a fragment; the page with it open where a whole page is asked for."""
    spot = request.args.get("at", "start")
    if not is_fragment():
        return redirect(url_for("campaigns.one", public_id=public_id, add=spot))
    app = the_app()
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
    return render_template(
        "campaigns/inspector.html", campaign=campaign, inspector=None, adding=adding(app, spot), is_editable=True
    )


@blueprint.post("/<public_id>/steps")
@permission("edit")
def insert(public_id: str) -> Response:
    """Put a step in, as it comes or as it was copied."""
    kind, spot = request.form.get("kind", ""), request.form.get("at", "start")

    def change(session: Session, row: Campaign) -> str:
        draft = definitions.read(row.draft)
        if kind == "paste":
            nodes = _copied(session, draft)
        elif kind in the_app().steps:
            nodes = [flow_editing.new_step(draft.flow, kind)]
        else:
            raise NotAllowed("There is no such step.")
        _keep(session, row, draft, flow_editing.placed(draft.flow, nodes, spot))
        return nodes[0].id

    return _change(public_id, change, "Put in.", opens=True)


def _copied(session: Session, into: Definition) -> list[StepNode]:
    source_id, _, step_id = str(cookie.get("copied", "")).partition("/")
    found = queries.one(the_app(), session, the_store().id, source_id) if source_id else None
    nodes = [n for n in walk(definitions.read(found.draft).flow) if n.id == step_id] if found else []
    if not nodes:
        raise NotAllowed("What was copied is gone. Copy a step first.")
    return flow_editing.copies(the_app(), into, nodes)[0]


@blueprint.post("/<public_id>/steps/<step_id>")
@permission("edit")
def change_step(public_id: str, step_id: str) -> Response:
    """Delete, move, duplicate or copy a step with all that hangs below it."""
    what = request.form.get("do", "")
    if what == "copy":
        cookie["copied"] = f"{public_id}/{step_id}"
        flash("Copied. Press a plus, here or in another campaign, to put it in.", "success")
        return redirect(url_for("campaigns.one", public_id=public_id, edit=step_id, _anchor=f"step-{step_id}"), 303)

    def change(session: Session, row: Campaign) -> str:
        draft = definitions.read(row.draft)
        node = next((n for n in walk(draft.flow) if n.id == step_id), None)
        if node is None:
            raise NotAllowed("That step is gone; somebody changed the flow meanwhile.")
        shown = step_id
        match what:
            case "delete":
                flow, shown = flow_editing.without(draft.flow, step_id), ""
            case "up" | "down":
                flow = flow_editing.moved(draft.flow, step_id, what)
            case "duplicate":
                nodes, _ = flow_editing.copies(the_app(), draft, [node])
                flow, shown = flow_editing.placed(draft.flow, nodes, f"after:{step_id}"), nodes[0].id
            case _:
                raise NotAllowed("A step can be deleted, moved, duplicated or copied.")
        _keep(session, row, draft, flow)
        return shown

    done = {"delete": "Deleted. Undo brings it back.", "duplicate": "Duplicated."}.get(what, "Moved.")
    return _change(public_id, change, done)


@blueprint.post("/<public_id>/trigger")
@permission("edit")
def choose_trigger(public_id: str) -> Response:
    """Let another kind of trigger start the campaign, with its settings as they come."""
    kind = request.form.get("kind", "")

    def change(session: Session, row: Campaign) -> str:
        if kind not in the_app().triggers:
            raise NotAllowed("There is no such trigger.")
        draft = definitions.read(row.draft)
        if draft.trigger.kind != kind:
            draft = draft.model_copy(update={"trigger": TriggerChoice(kind=kind)})
            _keep(session, row, draft, draft.flow)
        return "trigger"

    return _change(public_id, change, "It starts by another trigger now.", opens=True)


@blueprint.post("/<public_id>/exits/<int:number>/remove")
@permission("edit")
def remove_exit(public_id: str, number: int) -> Response:
    """Take an exit rule away."""

    def change(session: Session, row: Campaign) -> str:
        draft = definitions.read(row.draft)
        exits = [rule for at, rule in enumerate(draft.exits) if at != number]
        _keep(session, row, draft.model_copy(update={"exits": exits}), draft.flow)
        return "exits"

    return _change(public_id, change, "Taken away. Undo brings it back.", opens=True)


@blueprint.post("/<public_id>/undo")
@permission("edit")
def undo(public_id: str) -> Response:
    """Take the draft's last change back."""
    return _change(public_id, lambda session, row: _turn(session, row, drafts.undo), "Taken back.")


@blueprint.post("/<public_id>/redo")
@permission("edit")
def redo(public_id: str) -> Response:
    """Make the change that was taken back last again."""
    return _change(public_id, lambda session, row: _turn(session, row, drafts.redo), "Made again.")


@blueprint.get("/<public_id>/audience")
@permission("view")
def audience(public_id: str) -> str:
    """How many the draft's audience holds now, and some of them, as a fragment."""
    app = the_app()
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
        try:
            rule = language.read(definitions.read(campaign.draft).audience)
            count = segments.count(session, campaign.store_id, rule, app.clock())
            some = segments.sample(session, campaign.store_id, rule, app.clock(), 5)
        except (RuleBroken, CampaignBroken) as error:
            return render_template("campaigns/audience.html", problem=sentence(error))
    return render_template("campaigns/audience.html", count=count, some=some, problem="")


@blueprint.post("/bulk")
@permission("manage")
def bulk() -> Response:
    """Pause, resume, stop or archive several campaigns; those for which it makes no sense are named."""
    app, what = the_app(), request.form.get("do", "")
    if what not in BULK:
        raise NotAllowed("Campaigns can be paused, resumed, stopped or archived.")
    done, refused = 0, []
    for public_id in request.form.getlist("campaign")[:200]:
        with app.db.read() as session:
            found = queries.one(app, session, the_store().id, public_id) or abort(404)
        try:
            with app.db.write() as session:
                row = session.get_one(Campaign, found.id, with_for_update=True)
                getattr(actions, what)(session, row, app.clock(), current_admin().id)
            done += 1
        except NotAllowed as error:
            refused.append(f"{found.name}: {sentence(error)}")
    if done or not refused:
        words = f"{done} campaigns were {BULK[what]}." if done != 1 else f"One campaign was {BULK[what]}."
        flash(words if done else "Tick campaigns first.", "success" if done else "warning")
    for said in refused:
        flash(said, "warning")
    return redirect(url_for("campaigns.index"), 303)


def _turn(session: Session, row: Campaign, way: Callable[..., None]) -> str:
    way(session, row, the_app().clock(), current_admin().id)
    return ""


def _keep(session: Session, row: Campaign, draft: Definition, flow: list[StepNode]) -> None:
    changed = draft.model_copy(update={"flow": flow}).model_dump(mode="json", by_alias=True)
    actions.edit(the_app(), session, row, changed, the_app().clock(), current_admin().id)


def _change(public_id: str, change: Change, done: str, *, opens: bool = False) -> Response:
    """Change the draft in one transaction, and show the flow with the changed step."""
    app, shown = the_app(), ""
    with app.db.read() as session:
        campaign = queries.one(app, session, the_store().id, public_id) or abort(404)
    try:
        with app.db.write() as session:
            shown = change(session, session.get_one(Campaign, campaign.id, with_for_update=True))
    except (NotAllowed, CampaignBroken) as error:
        flash(sentence(error), "danger")
    else:
        flash(done, "success")
    anchor = "inspector" if opens and shown else f"step-{shown or 'trigger'}"
    return redirect(url_for("campaigns.one", public_id=public_id, edit=shown or None, _anchor=anchor), 303)
