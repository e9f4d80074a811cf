"""Segments: named rules over customers, put together line by line, with their words, their size and who is in them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import consent_policy, segments
from automation.actions import segments as actions
from automation.addresses import normal_form
from automation.errors import NotAllowed, RuleBroken, Unknown, Unreadable
from automation.models import Campaign, Customer, Segment
from automation.rules import english, language
from automation.rules.explain import explain
from automation.rules.scope import scope_of
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission
from webapp.rule_editing import changed, is_same, read_lines, remembered, to_remember
from webapp.rule_form import GROUPS, WINDOWS, Line, lines_of, problems, rule_of
from webapp.rule_words import catalogue

blueprint = Blueprint("segments", __name__, url_prefix="/segments")

SHOWN = 8
"""Customers shown as examples."""


def _names(session: Session, but: int = 0) -> dict[int, str]:
    rows = session.execute(
        select(Segment.id, Segment.name)
        .where(Segment.store_id == the_store().id, Segment.id != but)
        .order_by(func.lower(Segment.name))
    )
    return {number: name for number, name in rows}  # noqa: C416  a result is no mapping


def _words(session: Session, rule: language.Rule) -> str:
    campaigns = session.execute(select(Campaign.public_id, Campaign.name).where(Campaign.store_id == the_store().id))
    named = {key: name for key, name in campaigns}  # noqa: C416  a result is no mapping
    return english.sentence(rule, _names(session), campaigns=named, currency=the_store().currency)


def _topics() -> list[tuple[str, str]]:
    return [(topic.key, topic.label) for topic in consent_policy.of_store(the_store()).topics]


def _find(session: Session, segment_id: int) -> Segment:
    try:
        return actions.find(session, the_store().id, segment_id)
    except Unknown:
        abort(404)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All segments of the store, each in words."""
    with the_app().db.read() as session:
        rows = session.scalars(
            select(Segment).where(Segment.store_id == the_store().id).order_by(func.lower(Segment.name))
        ).all()
        names = {row.id: row.name for row in rows}
        said = {row.id: english.sentence(language.read(row.rule), names, currency=the_store().currency) for row in rows}
    return render_template("segments/index.html", rows=rows, said=said)


def _builder(session: Session, line: Line, *, before: list[Line], is_told: bool, but: int = 0) -> dict[str, Any]:
    """What the builder's templates show of lines; mistakes only where they are to be told."""
    wrong = problems(line, the_store().currency)
    said = ""
    if not wrong:
        said = _words(session, language.read(rule_of(line, the_store().currency)))
    return {
        "line": line,
        "wrong": wrong if is_told else {},
        "is_whole": not wrong,
        "said": said,
        "before": to_remember(before, line),
        "can_undo": bool(before),
        "windows": list(WINDOWS.items()),
        "group_words": list(GROUPS.items()),
        "known": catalogue(_names(session, but), _topics(), the_store().currency),
    }


def _form(
    session: Session, row: Segment | None, typed: dict[str, str], line: Line, *, error: str = "", is_told: bool = False
) -> str:
    shown = _builder(session, line, before=[], is_told=is_told, but=row.id if row else 0)
    return render_template("segments/form.html", row=row, typed=typed, error=error, **shown)


@blueprint.get("/new")
@permission("edit")
def new() -> str:
    """An empty rule."""
    with the_app().db.read() as session:
        return _form(session, None, {"name": "", "description": ""}, {"kind": "all", "parts": []})


@blueprint.get("/<int:segment_id>")
@permission("view")
def one(segment_id: int) -> str:
    """A segment: its words, how many, who for example, what uses it; a fragment counts."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        row = _find(session, segment_id)
        rule = language.read(row.rule)
        if is_fragment():
            return _counted(session, rule)
        text = request.args.get("customer", "").strip()[:320]
        who = _customer(session, text) if text else None
        reason = explain(session, rule, who.id, app.clock(), scope_of(session, store.id)) if who else None
        return render_template(
            "segments/one.html",
            row=row,
            said=_words(session, rule),
            uses=[(use, _address(session, use)) for use in segments.uses(session, store.id, row.id)],
            text=text,
            customer=who,
            reason=reason,
        )


def _address(session: Session, use: segments.Use) -> str:
    if use.kind == "segment":
        return url_for("segments.one", segment_id=use.id)
    if use.kind == "campaign":
        return url_for("campaigns.one", public_id=session.get_one(Campaign, use.id).public_id)
    if use.kind == "stage":
        return url_for("journey.stage", stage_id=use.id)
    return url_for("values.lead_score") if use.kind == "lead score" else url_for("personas.index")


def _customer(session: Session, text: str) -> Customer | None:
    try:
        key = normal_form(text)
    except Unreadable:
        return None
    return session.scalars(
        select(Customer).where(Customer.store_id == the_store().id, Customer.email_key == key)
    ).one_or_none()


@blueprint.get("/<int:segment_id>/edit")
@permission("edit")
def edit(segment_id: int) -> str:
    """The rule in lines."""
    with the_app().db.read() as session:
        row = _find(session, segment_id)
        typed = {"name": row.name, "description": row.description}
        return _form(session, row, typed, lines_of(language.dump(language.read(row.rule)), the_store().currency))


@blueprint.post("/lines")
@permission("edit")
def lines() -> str | tuple[str, int]:
    """What the form says after a button or a choice; nothing is stored."""
    line, before, do = read_lines(request.form), remembered(request.form), request.form.get("do", "")
    if do == "undo":
        before = before[:-1] if before and is_same(before[-1], line) else before
        line = before[-1] if before else line
        before = before[:-1]
    elif do:
        try:
            line, before = changed(line, do), _with(before, line)
        except NotAllowed as error:
            return render_template("errors/fragment.html", title=str(error), text=""), 422
    elif before and is_same(before[-1], line):
        before = before[:-1]
    with the_app().db.read() as session:
        shown = _builder(session, line, before=before, is_told=False, but=_number(request.form.get("segment_id", "")))
        return render_template("segments/lines.html", **shown)


def _with(before: list[Line], line: Line) -> list[Line]:
    return before if before and is_same(before[-1], line) else [*before, line]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 18 else 0


@blueprint.post("/count")
@permission("view")
def count() -> str:
    """How many customers the lines hold now, and who for example."""
    line = read_lines(request.form)
    with the_app().db.read() as session:
        try:
            rule = language.read(rule_of(line, the_store().currency))
        except RuleBroken:
            return render_template("segments/count.html", count=None, people=[])
        return _counted(session, rule)


def _counted(session: Session, rule: language.Rule) -> str:
    now, store = the_app().clock(), the_store()
    return render_template(
        "segments/count.html",
        count=segments.count(session, store.id, rule, now),
        people=segments.sample(session, store.id, rule, now, SHOWN),
    )


@blueprint.post("/", defaults={"segment_id": 0})
@blueprint.post("/<int:segment_id>/edit")
@permission("edit")
def save(segment_id: int) -> Response | tuple[str, int]:
    """Store it."""
    app = the_app()
    typed = {name: request.form.get(name, "")[:2000] for name in ("name", "description")}
    line = read_lines(request.form)
    try:
        with app.db.write() as session:
            row = _find(session, segment_id) if segment_id else None
            saved = actions.save(
                session,
                the_store().id,
                row,
                name=typed["name"][:200],
                description=typed["description"],
                rule=rule_of(line, the_store().currency),
                now=app.clock(),
                admin_id=current_admin().id,
            )
            number = saved.id
    except (NotAllowed, RuleBroken) as error:
        words = str(error) if isinstance(error, NotAllowed) else "The rule is not complete yet."
        with app.db.read() as session:
            row = _find(session, segment_id) if segment_id else None
            return _form(session, row, typed, line, error=words, is_told=True), 422
    flash(f"“{typed['name'].strip()}” is stored.")
    return redirect(url_for("segments.one", segment_id=number), 303)


@blueprint.post("/<int:segment_id>/remove")
@permission("edit")
def remove(segment_id: int) -> Response:
    """Take it away, where nothing uses it."""
    app = the_app()
    with app.db.write() as session:
        row = _find(session, segment_id)
        try:
            actions.remove(session, row, app.clock(), current_admin().id)
        except NotAllowed as error:
            flash(str(error), "warning")
            return redirect(url_for("segments.one", segment_id=segment_id), 303)
        flash(f"“{row.name}” is gone.")
    return redirect(url_for("segments.index"), 303)


@blueprint.post("/<int:segment_id>/copy")
@permission("edit")
def copy(segment_id: int) -> Response:
    """The same rule under another name."""
    app = the_app()
    with app.db.write() as session:
        row = _find(session, segment_id)
        taken = set(session.scalars(select(Segment.name).where(Segment.store_id == row.store_id)))
        name = next(n for i in range(2, 10_000) if (n := f"{row.name[:190]} {i}") not in taken)
        made = actions.save(
            session,
            row.store_id,
            None,
            name=name,
            description=row.description,
            rule=row.rule,
            now=app.clock(),
            admin_id=current_admin().id,
        )
        number = made.id
    return redirect(url_for("segments.edit", segment_id=number), 303)
