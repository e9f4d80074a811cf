"""The template editor: the mail as it would arrive, its blocks, and the MJML they are.

The browser holds the text that is being written; every request brings it along and changes nothing that is stored,
except saving. So undoing is the browser's business, and any number of people may look at the same mail.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from automation.actions import mail_desk
from automation.actions.templates import parts, sample
from automation.block import blocks
from automation.editing import marking, preview, richtext, splice, tree
from automation.editing.looks import LOOKS, NAMES
from automation.editing.merge_tags import MergeTag, merge_tags
from automation.errors import NotAllowed, TemplateBroken
from automation.models import SavedBlock, Template, TemplateVersion
from automation.rendering.mail import MailSource
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.headers import MAIL_CSP
from webapp.navigation import the_store
from webapp.pages.templates import found
from webapp.permissions import permission
from webapp.queries import customers
from webapp.queries import templates as queries

blueprint = Blueprint("editor", __name__, url_prefix="/templates")

SHOWN = 8
"""Customers that a search offers."""
_CANVAS = '<!doctype html><html lang="en"><head><title>The mail</title></head><body></body></html>'


def _typed() -> MailSource:
    return MailSource(subject=request.form.get("subject", ""), mjml=_text(), includes=parts())


def _text() -> str:
    # A browser sends lines with a carriage return; the mail keeps the ends its lines had.
    return request.form.get("mjml", "").replace("\r\n", "\n")


@blueprint.get("/<public_id>/edit")
@permission("edit")
def edit(public_id: str) -> str:
    """The editor on a mail's newest version."""
    with the_app().db.read() as session:
        row = found(session, public_id)
        version = mail_desk.latest(session, row)
    return _page(row, version, version.subject, version.mjml)


def _page(row: Template, version: TemplateVersion, subject: str, mjml: str, error: TemplateBroken | None = None) -> str:
    with the_app().db.read() as session:
        saved = queries.saved_blocks(session, row.store_id)
        used = queries.uses(session, row.store_id).get(row.name, [])
    return render_template(
        "templates/edit.html",
        row=row,
        version=version,
        subject=subject,
        mjml=mjml,
        error=told(error, mjml) if error else None,
        blocks=blocks(),
        saved=saved,
        is_live=any(use.state == "live" for use in used),
        tags=_grouped(merge_tags(sample(row.name))),
    )


def _grouped(tags: list[MergeTag]) -> dict[str, list[MergeTag]]:
    groups: dict[str, list[MergeTag]] = {}
    for tag in tags:
        groups.setdefault(tag.group, []).append(tag)
    return groups


def told(error: TemplateBroken, mjml: str) -> dict[str, Any]:
    """What is wrong and where: the line, and the block that stands on it where the blocks can be told apart."""
    block, name = None, ""
    if error.line and error.part in ("", "body"):
        try:
            node = tree.read(mjml).on_line(error.line)
        except TemplateBroken:
            node = None
        if node is not None:
            block, name = node.number, NAMES.get(node.name, node.name)
    place = {"subject": "In the subject", "text": "In the plain text"}.get(error.part, "")
    if not place and error.line:
        place = f"Line {error.line}" + (f", {name}" if name else "")
    return {"text": f"{place}: {error}" if place else str(error), "line": error.line, "block": block}


def _wrong(error: TemplateBroken | NotAllowed, status: int = 422) -> tuple[Response, int]:
    if isinstance(error, TemplateBroken):
        return jsonify(error=told(error, _text())), status
    return jsonify(error={"text": str(error), "line": None, "block": None}), status


@blueprint.post("/<public_id>/save")
@permission("edit")
def save(public_id: str) -> Response | tuple[str, int] | tuple[Response, int]:
    """Make what was written the newest version, unless somebody else did so meanwhile."""
    app, by_script = the_app(), request.accept_mimetypes.best == "application/json"
    source = _typed()
    try:
        with app.db.write() as session:
            row = found(session, public_id)
            base = request.form.get("base", 0, type=int)
            made = mail_desk.save(app, session, row, source, base, app.clock(), current_admin().id)
    except (TemplateBroken, NotAllowed) as error:
        if by_script:
            return _wrong(error)
        wrong = error if isinstance(error, TemplateBroken) else TemplateBroken(str(error))
        with app.db.read() as session:
            row = found(session, public_id)
            version = mail_desk.latest(session, row)
        return _page(row, version, source.subject, source.mjml, wrong), 422
    if by_script:
        return jsonify(number=made.number, mjml=made.mjml, subject=made.subject)
    flash(f"Version {made.number} is saved.")
    return redirect(url_for("editor.edit", public_id=public_id), 303)


@blueprint.get("/canvas")
@permission("view")
def canvas() -> Response:
    """An empty page under a mail's policy, which the editor's script fills with the rendered mail."""
    answer = make_response(_CANVAS)
    answer.headers["Content-Security-Policy"] = MAIL_CSP
    return answer


@blueprint.post("/<public_id>/look")
@permission("edit")
def look(public_id: str) -> Response | tuple[Response, int]:
    """What was written, rendered for a customer or with sample data, and what was noticed."""
    app, store = the_app(), the_store()
    with app.db.read() as session:
        row = found(session, public_id)
        customer = preview.customer_of(session, store, request.form.get("customer", ""))
        values, real = preview.variables(app, session, store, row.name, customer, app.clock())
    try:
        shown = preview.show(app, _typed(), values)
    except TemplateBroken as error:
        # What is half written is no failed request: it is looked at after every few letters.
        return _wrong(error, 200)
    return jsonify(
        html=marking.themed(shown.rendered.html, request.form.get("theme", "light")),
        text=shown.rendered.text,
        subject=shown.rendered.subject,
        preheader=richtext.plain(shown.preheader),
        outline=render_template("templates/outline.html", document=shown.document, names=NAMES),
        findings=render_template("templates/findings.html", preview=shown, real=real if customer else []),
        levels=[node.level for node in shown.document.nodes],
        accepts=[node.accepts for node in shown.document.nodes],
    )


@blueprint.post("/<public_id>/inspect")
@permission("edit")
def inspect(public_id: str) -> str | tuple[Response, int]:
    """One block's text and attributes as a form."""
    try:
        document = tree.read(_text())
    except TemplateBroken as error:
        return _wrong(error)
    node = _node(document)
    if node is None:
        abort(404)
    content = document.inner(node)
    holds_text = not node.is_logic and not node.accepts and node.name not in ("mj-image", "mj-divider", "mj-spacer")
    return render_template(
        "templates/inspector.html",
        public_id=public_id,
        node=node,
        title=NAMES.get(node.name, node.name),
        line=document.line(node.start),
        fields=[(field, document.value(node, field.name)) for field in LOOKS.get(node.name, ())],
        condition=splice.condition(document, node) if node.is_logic else "",
        holds_text=holds_text,
        rich=richtext.to_editable(content) if holds_text and node.name in ("mj-text", "mj-button") else None,
        content=content,
        tags=_grouped(merge_tags(sample(request.form.get("name", "")))),
    )


def _node(document: tree.Document) -> tree.Node | None:
    number = request.form.get("block", type=int)
    return document.nodes[number] if number is not None and 0 <= number < len(document.nodes) else None


@blueprint.post("/<public_id>/change")
@permission("edit")
def change(public_id: str) -> Response | tuple[Response, int]:
    """One edit of what was written; the text that comes of it, and which block is selected then."""
    with the_app().db.read() as session:
        saved = queries.saved_blocks(session, found(session, public_id).store_id)
    try:
        document = tree.read(_text())
        edited = _edited(document, _node(document), request.form.get("op", ""), saved)
        after = tree.read(edited.source)
    except (TemplateBroken, NotAllowed) as error:
        return _wrong(error)
    selected = after.at(edited.selected) if edited.selected is not None else None
    return jsonify(mjml=edited.source, selected=selected.number if selected else None)


def _edited(document: tree.Document, node: tree.Node | None, op: str, saved: list[SavedBlock]) -> splice.Edited:
    form = request.form
    place: Any = form.get("place", "after")
    if place not in ("before", "after", "inside"):
        raise NotAllowed("A block can stand before, behind or inside another.")
    if op == "insert":
        kept = {f"saved:{row.public_id}": row.mjml for row in saved}
        snippet = {**{b.kind: b.mjml() for b in blocks()}, **kept}.get(form.get("kind", ""))
        if snippet is None:
            raise NotAllowed("There is no such block.")
        return splice.insert(document, snippet, node, place)
    if node is None:
        raise NotAllowed("Choose a block first.")
    match op:
        case "up" | "down":
            return splice.move(document, node, "up" if op == "up" else "down")
        case "duplicate":
            return splice.duplicate(document, node)
        case "delete":
            return splice.delete(document, node)
        case "attribute":
            return splice.set_attribute(document, node, form.get("name", ""), form.get("value", "").strip())
        case "condition":
            return splice.set_condition(document, node, form.get("value", ""))
        case "rich":
            return splice.set_content(document, node, richtext.from_editable(form.get("value", "")))
        case "content":
            return splice.set_content(document, node, form.get("value", "").replace("\r\n", "\n"))
        case "drop":
            target = form.get("target", type=int)
            if target is None or not 0 <= target < len(document.nodes):
                raise NotAllowed("It cannot stand there.")
            return splice.move_to(document, node, document.nodes[target], place)
    raise NotAllowed("There is no such edit.")


@blueprint.get("/people")
@permission("edit")
def people() -> str:
    """Customers that a mail can be shown for."""
    text = request.args.get("q", "").strip()[:200]
    with the_app().db.read() as session:
        page = customers.search(session, the_store().id, text, None)
    return render_template("templates/people.html", rows=[r for r in page.rows if r.email][:SHOWN], q=text)


@blueprint.post("/<public_id>/keep")
@permission("edit")
def keep(public_id: str) -> str | tuple[Response, int]:
    """Keep a block for other mails."""
    app = the_app()
    try:
        document = tree.read(_text())
        node = _node(document)
        mjml = document.source[node.start : node.end] if node else ""
        with app.db.write() as session:
            row, name = found(session, public_id), request.form.get("value", "")
            mail_desk.keep_block(session, row.store_id, name, mjml, app.clock(), current_admin().id)
    except (TemplateBroken, NotAllowed) as error:
        return _wrong(error)
    return _saved()


@blueprint.post("/blocks/<block_id>/forget")
@permission("edit")
def forget(block_id: str) -> str:
    """Drop a kept block."""
    app = the_app()
    with app.db.write() as session:
        row = next((b for b in queries.saved_blocks(session, the_store().id) if b.public_id == block_id), None)
        if row is None:
            abort(404)
        mail_desk.forget_block(session, row, app.clock(), current_admin().id)
    return _saved()


def _saved() -> str:
    with the_app().db.read() as session:
        return render_template("templates/saved.html", saved=queries.saved_blocks(session, the_store().id))
