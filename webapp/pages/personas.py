"""Personas: described segments with their portraits, and proposals of further ones."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import personas
from automation.errors import CartwheelError, NotAllowed, RuleBroken
from automation.insights.personas import proposing
from automation.insights.personas.portrait import Portrait
from automation.insights.personas.proposing import Proposals
from automation.insights.report import Column, Table
from automation.insights.value.rfm import GROUPS
from automation.models import Campaign, Persona, Segment
from automation.rules import language
from automation.rules.english import sentence
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import csv_answer, drawable

blueprint = Blueprint("personas", __name__, url_prefix="/personas")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All personas of the store."""
    store = the_store()
    with the_app().db.read() as session:
        rows = session.execute(
            select(Persona, Segment)
            .join(Segment, Segment.id == Persona.segment_id)
            .where(Persona.store_id == store.id)
            .order_by(Persona.name, Persona.id)
        ).all()
        free = _free_segments(session, store.id)
    shown = [(row, segment, _portrait(row)) for row, segment in rows]
    return render_template("personas/index.html", rows=shown, has_free=bool(free), currency=store.currency)


def _portrait(row: Persona) -> Portrait | None:
    return Portrait.model_validate(row.portrait) if row.portrait else None


def _free_segments(session: Session, store_id: int) -> list[Segment]:
    """Segments without a face."""
    taken = select(Persona.segment_id).where(Persona.store_id == store_id)
    return list(
        session.scalars(
            select(Segment).where(Segment.store_id == store_id, Segment.id.not_in(taken)).order_by(Segment.name)
        )
    )


@blueprint.get("/proposals")
@permission("view")
def proposals() -> str:
    """Groups that are found among the buyers."""
    return _proposals_page()


def _proposals_page(refused: int = -1, form: Form | None = None) -> str:
    app, store = the_app(), the_store()
    with app.db.read() as session:
        count, buyers = proposing.sample(session, store.id, app.clock())
    found: Proposals = proposing.propose(count, buyers)
    groups = [
        {
            "proposal": one,
            "sentence": sentence(language.read(one.worded.rule), currency=store.currency),
            "rule": orjson.dumps(one.worded.rule).decode(),
            "form": form if number == refused else draw(personas.Described, prefix=f"p{number}-"),
        }
        for number, one in enumerate(found.groups)
    ]
    return render_template("personas/proposals.html", found=found, groups=groups, currency=store.currency)


@blueprint.post("/proposals")
@permission("manage")
def keep() -> Response | tuple[str, int]:
    """Keep a proposal: it becomes a segment, and the persona of it."""
    app, store = the_app(), the_store()
    number = request.form.get("number", "")
    place = int(number) if number.isdecimal() and len(number) < 3 else 0
    typed, form = read(personas.Described, request.form, prefix=f"p{place}-")
    if not isinstance(typed, personas.Described):
        return _proposals_page(place, form), 422
    try:
        rule = orjson.loads(request.form.get("rule", ""))
        with app.db.write() as session:
            row = personas.of_rule(session, store.id, rule, typed, app.clock(), current_admin().id)
    except (orjson.JSONDecodeError, RuleBroken):
        raise NotAllowed("The proposal cannot be read; open the page again.") from None
    except NotAllowed as refused:
        form[f"p{place}-name"].error = str(refused)
        return _proposals_page(place, form), 422
    flash(f"{row.name} is a persona now, and a segment of the same name.")
    return _there(row.public_id)


@blueprint.get("/new")
@permission("manage")
def new() -> str:
    """Where a segment is given a face."""
    return _new_page(draw(personas.Described))


def _new_page(form: Form, chosen: str = "", problem: str = "") -> str:
    with the_app().db.read() as session:
        free = _free_segments(session, the_store().id)
    return render_template("personas/new.html", form=form, free=free, chosen=chosen, problem=problem)


@blueprint.post("/new")
@permission("manage")
def create() -> Response | tuple[str, int]:
    """Give a segment a face."""
    app, store = the_app(), the_store()
    typed, form = read(personas.Described, request.form)
    chosen = request.form.get("segment", "")
    if not isinstance(typed, personas.Described):
        return _new_page(form, chosen), 422
    segment_id = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
    try:
        with app.db.write() as session:
            row = personas.of_segment(session, store.id, segment_id, typed, app.clock(), current_admin().id)
    except NotAllowed as refused:
        return _new_page(form, chosen, str(refused)), 422
    flash(f"{row.name} is a persona now.")
    return _there(row.public_id)


def _there(public_id: str) -> Response:
    return redirect(url_for("personas.one", public_id=public_id), 303)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One persona."""
    store = the_store()
    with the_app().db.read() as session:
        row = personas.find(session, store.id, public_id)
        segment = session.get_one(Segment, row.segment_id)
        names = {s.id: s.name for s in session.scalars(select(Segment).where(Segment.store_id == store.id))}
        campaigns = session.execute(
            select(Campaign.public_id, Campaign.name).where(Campaign.store_id == store.id)
        ).all()
    try:
        words = sentence(language.read(segment.rule), names, campaigns=dict(campaigns), currency=store.currency)
    except CartwheelError as broken:
        words = str(broken)
    portrait = _portrait(row)
    tables = _tables(portrait, store.currency) if portrait else {}
    return render_template(
        "personas/one.html",
        row=row,
        segment=segment,
        words=words,
        portrait=portrait,
        tables=tables,
        charts={name: drawable(_bars(table), table) for name, table in tables.items() if name in ("weekdays", "hours")},
        groups=GROUPS,
        currency=store.currency,
    )


_COUNTED = (Column("count", "Customers", "count"), Column("share", "Share", "share"))


def _tables(p: Portrait, currency: str) -> dict[str, Table]:
    """A portrait's lists as tables."""

    def listed(title: str, rows: Any, counted: tuple[Column, ...] = _COUNTED) -> Table:
        return Table((Column("name", title), *counted), [(r.name, r.count, r.share) for r in rows], currency)

    orders = (Column("count", "Orders", "count"), Column("share", "Share", "share", "Of all orders by members."))
    mails = (Column("count", "Mails", "count"), Column("share", "Clicked", "share"))
    groups = [(GROUPS[r.name].words if r.name in GROUPS else r.name, r.count, r.share) for r in p.groups]
    return {
        "countries": listed("Country", p.countries),
        "languages": listed("Language", p.languages),
        "channels": listed("Came by", p.channels),
        "devices": listed("Device", p.devices),
        "categories": listed("Category", p.categories, orders),
        "products": listed("Product", p.products, orders),
        "mails": listed("Campaign", p.mails, mails),
        "groups": Table((Column("name", "Group"), *_COUNTED), groups, currency),
        "weekdays": Table(
            (Column("name", "Day"), Column("count", "Orders", "count")),
            list(zip(WEEKDAYS, p.weekdays, strict=True)),
            currency,
        ),
        "hours": Table(
            (Column("name", "Hour"), Column("count", "Orders", "count")),
            [(f"{hour}:00", count) for hour, count in enumerate(p.hours)],
            currency,
        ),
    }


def _bars(table: Table) -> dict[str, Any]:
    return {
        "kind": "bar",
        "categories": table.column("name"),
        "series": [{"name": "Orders", "values": table.column("count"), "tone": "primary"}],
    }


@blueprint.get("/<public_id>/<table>.csv")
@permission("view")
def as_csv(public_id: str, table: str) -> Response:
    """One list of a portrait, for a spreadsheet."""
    with the_app().db.read() as session:
        row = personas.find(session, the_store().id, public_id)
    portrait = _portrait(row)
    found = _tables(portrait, the_store().currency).get(table) if portrait else None
    if found is None:
        raise NotAllowed("There is no such list in the portrait.")
    return csv_answer(found, f"persona-{table}.csv")


@blueprint.get("/<public_id>/edit")
@permission("manage")
def edit(public_id: str) -> str:
    """The form of a persona."""
    with the_app().db.read() as session:
        row = personas.find(session, the_store().id, public_id)
    return render_template("personas/edit.html", row=row, form=draw(personas.Described, _described(row)))


def _described(row: Persona) -> dict[str, Any]:
    return {name: getattr(row, name) for name in personas.Described.model_fields}


@blueprint.post("/<public_id>/edit")
@permission("manage")
def describe(public_id: str) -> Response | tuple[str, int]:
    """Say something else of it."""
    app = the_app()
    typed, form = read(personas.Described, request.form)
    with app.db.write() as session:
        row = personas.find(session, the_store().id, public_id)
        if not isinstance(typed, personas.Described):
            return render_template("personas/edit.html", row=row, form=form), 422
        personas.describe(session, row, typed, app.clock(), current_admin().id)
    flash("The description is stored.")
    return _there(public_id)


@blueprint.post("/<public_id>/portray")
@permission("manage")
def portray(public_id: str) -> Response:
    """Have the portrait worked out next."""
    app = the_app()
    with app.db.write() as session:
        row = personas.find(session, the_store().id, public_id)
        personas.portray_again(session, row, app.clock(), current_admin().id)
    flash("The portrait is worked out in a moment.")
    return _there(public_id)


@blueprint.post("/<public_id>/remove")
@permission("manage")
def remove(public_id: str) -> Response:
    """Take the persona away; its segment stays."""
    app = the_app()
    with app.db.write() as session:
        row = personas.find(session, the_store().id, public_id)
        name = row.name
        personas.remove(session, row, app.clock(), current_admin().id)
    flash(f"{name} is no persona any more. Its segment is still there.")
    return redirect(url_for("personas.index"), 303)
