"""Templates: the store's mails, where each is used, and the versions that each had."""

from __future__ import annotations

import difflib
import re

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import mail_desk, templates, test_mails
from automation.actions.mail_desk import Brand
from automation.editing import preview
from automation.editing.checks import contrast
from automation.editing.marking import unmarked
from automation.errors import NotAllowed, TemplateBroken
from automation.models import Template, TemplateVersion
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.headers import MAIL_CSP
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import templates as queries

blueprint = Blueprint("templates", __name__, url_prefix="/templates")

VIEWS = {"desktop": "Desktop", "phone": "Phone", "text": "Plain text"}
_TARGET = re.compile(r'\starget="_(?:self|top|parent)"')


class Naming(BaseModel):
    """What a mail is called."""

    title: str = Field(max_length=mail_desk.MAX_TITLE, title="Name", description="What it is called on these pages.")


def found(session: Session, public_id: str) -> Template:
    """The mail of an address, or 404."""
    return queries.one(session, the_store().id, public_id) or abort(404)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All mails of the store, or those that were put away."""
    are_archived = request.args.get("show") == "archived"
    with the_app().db.read() as session:
        rows = queries.templates(session, the_store().id, are_archived=are_archived)
    return render_template("templates/index.html", rows=rows, are_archived=are_archived)


@blueprint.get("/new")
@permission("edit")
def new() -> str:
    """What a new mail can begin with."""
    return _new_page(draw(Naming))


def _new_page(form: Form) -> str:
    shipped = [(name, name.replace("_", " ").capitalize()) for name in templates.built_in()]
    start = request.form.get("start", request.args.get("start", ""))
    return render_template("templates/new.html", form=form, shipped=shipped, start=start)


@blueprint.post("/")
@permission("edit")
def create() -> Response | tuple[str, int]:
    """Make a mail and open it."""
    app, typed, form = the_app(), *read(Naming, request.form)
    if not isinstance(typed, Naming):
        return _new_page(form), 422
    try:
        with app.db.write() as session:
            row = mail_desk.create(
                app,
                session,
                the_store(),
                typed.title,
                request.form.get("start", ""),
                app.clock(),
                current_admin().id,
            )
    except NotAllowed as error:
        form["title"].error = str(error)
        return _new_page(form), 422
    return redirect(url_for("editor.edit", public_id=row.public_id), 303)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One mail: how it looks, where it is used, which versions it had."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        row = found(session, public_id)
        rows = queries.versions(session, row.id)
        wanted = request.args.get("version", type=int) or (rows[0].number if rows else 0)
        shown = queries.version(session, row.id, wanted) or abort(404)
        used = queries.uses(session, store.id).get(row.name, [])
        older = queries.version(session, row.id, wanted - 1)
        values, _ = preview.variables(app, session, store, row.name, None, app.clock())
    view = request.args.get("view", "desktop")
    text, problem = "", ""
    try:
        look = preview.show(app, mail_desk.source_to_edit(shown), values)
        text, subject = look.rendered.text, look.rendered.subject
    except TemplateBroken as error:
        problem, subject = str(error), shown.subject
    return render_template(
        "templates/one.html",
        row=row,
        rows=rows,
        shown=shown,
        uses=used,
        view=view if view in VIEWS else "desktop",
        views=VIEWS,
        text=text,
        subject=subject,
        problem=problem,
        naming=draw(Naming, {"title": row.title}),
        changes=changes(older, shown) if older else [],
    )


def changes(older: TemplateVersion, newer: TemplateVersion) -> list[tuple[str, str]]:
    """What became of a version in the next, as lines of ("+", "-", " " or "@", text)."""
    before, after = (f"Subject: {v.subject}\n{v.mjml}".splitlines() for v in (older, newer))
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    return [(line[0], line[1:] if line[0] != "@" else line.strip("@ ")) for line in lines if line]


@blueprint.get("/<public_id>/body")
@permission("view")
def body(public_id: str) -> Response:
    """A version's HTML with sample data, under a policy of its own, for the frame that shows it."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        row = found(session, public_id)
        number = request.args.get("version", type=int)
        shown = queries.version(session, row.id, number) if number else mail_desk.latest(session, row)
        if shown is None:
            abort(404)
        values, _ = preview.variables(app, session, store, row.name, None, app.clock())
    try:
        html = preview.show(app, mail_desk.source_to_edit(shown), values).rendered.html
    except TemplateBroken as error:
        abort(404, str(error))
    answer = make_response(_TARGET.sub("", unmarked(html)).replace("<head>", '<head><base target="_blank">', 1))
    answer.headers["Content-Security-Policy"] = MAIL_CSP
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@blueprint.post("/<public_id>/restore/<int:number>")
@permission("edit")
def restore(public_id: str, number: int) -> Response:
    """Make an older version the newest again."""
    app = the_app()
    with app.db.write() as session:
        row = found(session, public_id)
        made = mail_desk.restore(app, session, row, number, app.clock(), current_admin().id)
    flash(f"Version {number} is back, as version {made.number}.")
    return redirect(url_for("templates.one", public_id=public_id), 303)


@blueprint.post("/<public_id>/rename")
@permission("edit")
def rename(public_id: str) -> Response:
    """Call it something else."""
    app = the_app()
    with app.db.write() as session:
        row = found(session, public_id)
        mail_desk.rename(session, row, request.form.get("title", ""), app.clock(), current_admin().id)
    flash("The name is stored.")
    return redirect(url_for("templates.one", public_id=public_id), 303)


@blueprint.post("/<public_id>/do/<what>")
@permission("edit")
def do(public_id: str, what: str) -> Response:
    """Copy it, put it away, or take it back."""
    if what not in ("duplicate", "archive", "unarchive"):
        abort(404)
    app, admin = the_app(), current_admin()
    with app.db.write() as session:
        row = found(session, public_id)
        if what == "duplicate":
            row = mail_desk.duplicate(app, session, row, app.clock(), admin.id)
        else:
            mail_desk.set_archived(session, row, app.clock(), admin.id, is_archived=what == "archive")
    said = {"duplicate": "was made", "archive": "is archived; take it back any time", "unarchive": "is back"}
    flash(f"“{row.title}” {said[what]}.")
    return redirect(url_for("templates.one", public_id=row.public_id), 303)


@blueprint.post("/<public_id>/test-mail")
@permission("edit")
def test_mail(public_id: str) -> Response:
    """Send the newest version to the admin's own address, through the store's provider."""
    app = the_app()
    with app.db.write() as session:
        test_mails.send(session, the_store(), current_admin(), found(session, public_id).id, app.clock())
    flash(f"A test mail to {current_admin().email} is on its way.")
    where = "editor.edit" if request.form.get("back") == "editor" else "templates.one"
    return redirect(url_for(where, public_id=public_id), 303)


@blueprint.get("/brand")
@permission("view")
def brand() -> str:
    """The store's colours, fonts and logo."""
    return render_template("templates/brand.html", form=draw(Brand, the_store().brand))


@blueprint.post("/brand")
@permission("manage")
def save_brand() -> Response | tuple[str, int]:
    """Store them."""
    app, typed, form = the_app(), *read(Brand, request.form)
    if isinstance(typed, Brand):
        ratio = contrast(typed.accent_text or "#ffffff", typed.accent or "#20504a")
        if ratio is not None and ratio < 3:
            form["accent_text"].error = f"This is hard to read on the main colour: contrast {ratio:.1f}, at least 3."
    if not isinstance(typed, Brand) or form.is_wrong:
        return render_template("templates/brand.html", form=form), 422
    with app.db.write() as session:
        mail_desk.save_brand(session, the_store().id, typed, app.clock(), current_admin().id)
    flash("The brand is stored; mails that leave from now on show it.")
    return redirect(url_for("templates.brand"), 303)
