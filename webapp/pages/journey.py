"""The journey map: stages, who moves between them, and the touchpoints on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import journey
from automation.errors import NotAllowed, RuleBroken, Unknown
from automation.insights.journey import ready, reviewing
from automation.insights.journey.measuring import touchpoints_of
from automation.insights.journey.moving import stages_of
from automation.insights.periods import NAMED, USUAL
from automation.models import TOUCHPOINT_KINDS, JourneyShare, JourneyStage, Segment, Store, Touchpoint
from automation.rules import english, language
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import AGAINST, Shown, groups_of, shown

blueprint = Blueprint("journey", __name__, url_prefix="/journey")

ASIDE = ("remove", "back")
FEELINGS = {2: "Delighted", 1: "Pleased", 0: "Neutral", -1: "Annoyed", -2: "Angry"}


class Stage(BaseModel):
    """A stage of the journey."""

    name: str = Field(max_length=80)
    position: int = Field(1, ge=1, le=journey.MOST_STAGES, description="Its place in the order, 1 is the first.")
    rule: str = Field(
        max_length=20,
        title="Who belongs in it",
        description="A segment. A customer stands in the furthest stage whose rule holds for them.",
    )


class Place(BaseModel):
    """A touchpoint."""

    name: str = Field(max_length=120)
    kind: Literal["mail", "site", "form", "order", "support", "review", "social", "offline", "own"] = "own"
    event: str = Field(
        "",
        max_length=128,
        description="What counts it: an event's name, such as fair.visited. Not for mails, forms "
        "and orders, which are counted by themselves.",
    )
    importance: int = Field(2, ge=1, le=3, description="1 to 3.")
    feeling: int = Field(0, ge=-2, le=2, description="How customers feel here: -2 is angry, 2 is delighted.")
    owner: str = Field("", max_length=120, description="Who in the team looks after it.")
    pains: str = Field("", max_length=2000, title="Pain points", description="What goes wrong here for customers.")
    notes: str = Field("", max_length=4000)


@dataclass(frozen=True, slots=True)
class Cell:
    """A touchpoint in the matrix, with what is measured there."""

    row: Touchpoint
    figures: dict[str, Any]


def matrix(places: Sequence[Touchpoint], table: Any) -> dict[tuple[str, int], list[Cell]]:
    """Touchpoints by kind and stage."""
    keys = [column.key for column in table.columns]
    found: dict[tuple[str, int], list[Cell]] = {}
    for place, figures in zip(places, table.rows, strict=True):
        cell = Cell(place, dict(zip(keys, figures, strict=True)))
        found.setdefault((place.kind, place.stage_id), []).append(cell)
    return found


def _reports(session: Session, store: Store, values: dict[str, str]) -> dict[str, Shown]:
    return {name: shown(session, store, name, values) for name in ("journey_movement", "journey_stages", "touchpoints")}


@blueprint.get("/")
@permission("view")
def index() -> str | tuple[str, int]:
    """The map."""
    store, error = the_store(), ""
    with the_app().db.read() as session:
        stages = stages_of(session, store.id)
        if not stages:
            return render_template("journey/begin.html")
        try:
            found = _reports(session, store, request.args.to_dict())
        except NotAllowed as refused:
            error, found = str(refused), _reports(session, store, {})
        places = touchpoints_of(session, store.id)
        page = render_template(
            "journey/index.html",
            found=found,
            stages=stages,
            matrix=matrix(places, found["touchpoints"].table),
            kinds=[kind for kind in TOUCHPOINT_KINDS if any(place.kind == kind for place in places)],
            feelings=FEELINGS,
            groups=groups_of(session, store.id),
            shares=session.scalars(
                select(JourneyShare)
                .where(JourneyShare.store_id == store.id, JourneyShare.revoked_at.is_(None))
                .order_by(JourneyShare.id)
            ).all(),
            last_review=reviewing.last_review(session, store.id),
            rules=_sentences(session, stages, store),
            periods=NAMED,
            usual=USUAL,
            against=AGAINST,
            error=error,
            asked=request.args,
        )
    return (page, 422) if error else page


def _sentences(session: Session, stages: Sequence[JourneyStage], store: Store) -> dict[int, str]:
    names = {row.id: row.name for row in session.scalars(select(Segment).where(Segment.store_id == store.id))}
    return {stage.id: english.sentence(language.read(stage.rule), names, currency=store.currency) for stage in stages}


@blueprint.post("/begin")
@permission("edit")
def begin() -> Response:
    """Lay out the ready map."""
    app, store = the_app(), the_store()
    with app.db.write() as session:
        ready.begin(session, store, app.clock(), current_admin().id)
    flash("The map is laid out. Customers find their stages within minutes.")
    return _home()


def _home() -> Response:
    return redirect(url_for("journey.index"), 303)


KEPT = "kept"
"""The choice that leaves a stage's rule as it is."""


def _stage_page(row: JourneyStage | None, form: Form, status: int = 200) -> tuple[str, int]:
    store = the_store()
    with the_app().db.read() as session:
        names = {
            one.id: one.name
            for one in session.scalars(select(Segment).where(Segment.store_id == store.id).order_by(Segment.name))
        }
    field = form["rule"]
    field.widget, field.limits = "select", {}
    field.choices = [("", "Choose a segment"), *((str(number), name) for number, name in names.items())]
    if row is not None and set(row.rule) != {"segment"}:
        words = english.sentence(language.read(row.rule), names, currency=store.currency)
        field.choices.insert(0, (KEPT, f"As it is: {words}"))
    return render_template("journey/stage.html", row=row, form=form), status


def _rule_of(row: JourneyStage | None, chosen: str) -> str:
    """The rule's JSON that was chosen. Raises NotAllowed for what is no choice."""
    if chosen == KEPT and row is not None:
        return orjson.dumps(row.rule).decode()
    if not chosen.isdecimal():
        raise NotAllowed("Choose a segment.")
    return orjson.dumps({"segment": int(chosen)}).decode()


def _find_stage(stage_id: int) -> JourneyStage:
    with the_app().db.read() as session:
        try:
            return journey.stage(session, the_store().id, stage_id)
        except Unknown:
            abort(404)


@blueprint.get("/stages/new", defaults={"stage_id": 0})
@blueprint.get("/stages/<int:stage_id>")
@permission("edit")
def stage(stage_id: int) -> tuple[str, int]:
    """The form of a stage."""
    if not stage_id:
        return _stage_page(None, draw(Stage))
    row = _find_stage(stage_id)
    rule = str(row.rule["segment"]) if set(row.rule) == {"segment"} else KEPT
    return _stage_page(row, draw(Stage, {"name": row.name, "position": row.position, "rule": rule}))


@blueprint.post("/stages/new", defaults={"stage_id": 0})
@blueprint.post("/stages/<int:stage_id>")
@permission("edit")
def store_stage(stage_id: int) -> Response | tuple[str, int]:
    """Add it, or change it."""
    app, store = the_app(), the_store()
    row = _find_stage(stage_id) if stage_id else None
    typed, form = read(Stage, request.form)
    if not isinstance(typed, Stage):
        return _stage_page(row, form, 422)
    try:
        with app.db.write() as session:
            journey.store_stage(
                session,
                store.id,
                journey.stage(session, store.id, stage_id) if stage_id else None,
                name=typed.name,
                rule=_rule_of(row, typed.rule),
                position=typed.position,
                now=app.clock(),
                admin_id=current_admin().id,
            )
    except (NotAllowed, RuleBroken) as error:
        form["rule"].error = str(error)
        return _stage_page(row, form, 422)
    flash("The stage is stored. Everybody is looked at again within minutes.")
    return _home()


@blueprint.post("/stages/<int:stage_id>/<what>")
@permission("edit")
def set_stage_aside(stage_id: int, what: str) -> Response:
    """Take it off the map, or put it back."""
    app, row = the_app(), _find_stage(stage_id)
    if what not in ASIDE:
        abort(404)
    with app.db.write() as session:
        journey.set_stage_aside(
            session,
            journey.stage(session, row.store_id, stage_id),
            app.clock(),
            current_admin().id,
            is_back=what == "back",
        )
    flash(f"{row.name} is {'back' if what == 'back' else 'off the map; its history is kept'}.")
    return redirect(url_for("journey.stage", stage_id=stage_id), 303) if what == "remove" else _home()


def _place_page(row: Touchpoint | None, stage_id: int, form: Form, status: int = 200) -> tuple[str, int]:
    with the_app().db.read() as session:
        stages = stages_of(session, the_store().id)
    return render_template("journey/place.html", row=row, stage_id=stage_id, stages=stages, form=form), status


def _find_place(place_id: int) -> Touchpoint:
    with the_app().db.read() as session:
        try:
            return journey.touchpoint(session, the_store().id, place_id)
        except Unknown:
            abort(404)


@blueprint.get("/touchpoints/new", defaults={"place_id": 0})
@blueprint.get("/touchpoints/<int:place_id>")
@permission("edit")
def place(place_id: int) -> tuple[str, int]:
    """The form of a touchpoint; htmx puts it into its cell of the matrix."""
    if not place_id:
        return _place_page(None, request.args.get("stage", 0, type=int), draw(Place))
    row = _find_place(place_id)
    values = {name: getattr(row, name) for name in Place.model_fields}
    return _place_page(row, row.stage_id, draw(Place, values, prefix=f"t{row.id}-"))


@blueprint.post("/touchpoints/new", defaults={"place_id": 0})
@blueprint.post("/touchpoints/<int:place_id>")
@permission("edit")
def store_place(place_id: int) -> Response | tuple[str, int]:
    """Add it, or change it."""
    app, store = the_app(), the_store()
    row = _find_place(place_id) if place_id else None
    stage_id = request.form.get("stage_id", 0, type=int)
    typed, form = read(Place, request.form, prefix=f"t{place_id}-" if place_id else "")
    if not isinstance(typed, Place):
        return _place_page(row, stage_id, form, 422)
    try:
        with app.db.write() as session:
            journey.store_touchpoint(
                session,
                store.id,
                journey.touchpoint(session, store.id, place_id) if place_id else None,
                {**typed.model_dump(), "stage_id": stage_id},
                app.clock(),
                current_admin().id,
            )
    except NotAllowed as error:
        form["event"].error = str(error)
        return _place_page(row, stage_id, form, 422)
    except Unknown as error:
        form.error = str(error)
        return _place_page(row, stage_id, form, 422)
    flash(f"{typed.name} is stored.")
    return _home()


@blueprint.post("/touchpoints/<int:place_id>/<what>")
@permission("edit")
def set_place_aside(place_id: int, what: str) -> Response:
    """Take it off the map, or put it back."""
    app, row = the_app(), _find_place(place_id)
    if what not in ASIDE:
        abort(404)
    with app.db.write() as session:
        found = journey.touchpoint(session, row.store_id, place_id)
        journey.set_touchpoint_aside(session, found, app.clock(), current_admin().id, is_back=what == "back")
    flash(f"{row.name} is {'back on' if what == 'back' else 'off'} the map.")
    return redirect(url_for("journey.place", place_id=place_id), 303) if what == "remove" else _home()


@blueprint.post("/reviewed")
@permission("edit")
def reviewed() -> Response:
    """Note that the map was looked over."""
    app = the_app()
    with app.db.write() as session:
        reviewing.reviewed(session, the_store().id, app.clock())
    flash("Noted: the map was looked over today.")
    return _home()


@blueprint.post("/shares")
@permission("manage")
def share() -> Response:
    """Make a link that shows the map to whoever holds it."""
    app, name = the_app(), request.form.get("name", "").strip()[:120]
    with app.db.write() as session:
        token = journey.share(session, the_store().id, name or "Link", app.clock(), current_admin().id)
    flash(f"Copy the link now, it is not shown again: {app.settings.public_url}/j/{token}")
    return _home()


@blueprint.post("/shares/<int:share_id>/revoke")
@permission("manage")
def revoke(share_id: int) -> Response:
    """Let a link lead nowhere from now on."""
    app = the_app()
    try:
        with app.db.write() as session:
            journey.revoke(session, the_store().id, share_id, app.clock(), current_admin().id)
    except Unknown:
        abort(404)
    flash("The link leads nowhere any more.")
    return _home()
