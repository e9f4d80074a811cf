"""Files in and out: upload, say what the columns mean, look first, take in, follow; and write out what there is."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from automation.actions import exports
from automation.actions import imports as actions
from automation.errors import NotAllowed, Unreadable
from automation.exporting import DATASETS, FORMATS
from automation.importing.cells import guard
from automation.importing.fields import KINDS, Kind
from automation.importing.options import Options
from automation.models import Connection, Import
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import is_fragment, the_store
from webapp.permissions import permission

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

LABELS = {
    "consent": "Who has agreed to mails",
    "topic": "Topic",
    "evidence": "Evidence",
    "dates": "Dates with slashes",
    "welcome": "Greet those who are new",
    "as_recorded": "This is an export of Cartwheel",
}
COUNTS = {
    "applied": "taken in",
    "stale": "older than what is known",
    "repeated": "known already",
    "unmatched": "about nobody known",
    "erased": "about erased people",
    "good": "in order",
    "known": "known already",
    "new": "new",
    "consent_granted": "agree",
    "consent_withdrawn": "do not agree",
    "consent_pending": "have yet to confirm",
}
_MOST_SHOWN = 200


def _form(options: Options) -> Form:
    return _named(draw(Options, options))


def _named(form: Form) -> Form:
    for one in form.fields:
        one.label = LABELS[one.name]
        one.is_required = False
    return form


def _choices(row: Import) -> list[tuple[str, str]]:
    kind: Kind = KINDS[row.kind]
    found = [("", "– not read –"), *((field.name, field.label) for field in kind.fields)]
    if kind.has_attributes:
        named = {str(v): str(v).replace(":", ": ") for v in row.mapping.values() if ":" in str(v)}
        for header in row.shape["headers"]:
            named.setdefault(f"attribute:{header[:64].replace(':', ' ')}", f"attribute: {header}")
        found += sorted(named.items())
    return found


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The files that there are, and what can be written out."""
    return _index()


def _index(error: str = "", chosen: str = "customers") -> str:
    store = the_store()
    with the_app().db.read() as session:
        rows = session.scalars(
            select(Import).where(Import.store_id == store.id).order_by(Import.id.desc()).limit(_MOST_SHOWN)
        ).all()
    return render_template("imports/index.html", rows=rows, kinds=KINDS, datasets=DATASETS, error=error, chosen=chosen)


@blueprint.post("/")
@permission("manage")
def upload() -> AnyResponse | tuple[str, int]:
    """Keep a file and show what it seems to hold."""
    app, store = the_app(), the_store()
    file, kind = request.files.get("file"), request.form.get("kind", "")
    if file is None or not file.filename:
        return _index("Choose a file first.", kind), 422
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload"
            file.save(path)
            file.close()
            with app.db.write() as session:
                row = actions.upload(
                    app,
                    session,
                    store_id=store.id,
                    kind=kind,
                    path=path,
                    filename=file.filename,
                    now=app.clock(),
                    admin_id=current_admin().id,
                )
    except (NotAllowed, Unreadable) as error:
        return _index(str(error), kind), 422
    return redirect(url_for("imports.one", public_id=row.public_id), 303)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One file: what its columns mean and its first rows, or how far it has come."""
    with the_app().db.read() as session:
        row = _found(session, public_id)
        if is_fragment():
            return render_template("imports/progress.html", row=row, counts=COUNTS)
        return _page(session, row, _form(Options.model_validate(row.options)))


def _page(session: Session, row: Import, form: Form, error: str = "") -> str:
    app = the_app()
    shown: list[actions.Shown] = []
    is_open = row.state in ("draft", "checked")
    if is_open:
        try:
            shown = actions.preview(app, session, row)
        except (NotAllowed, Unreadable) as broken:
            error = error or str(broken)
    shops = session.scalars(
        select(Connection)
        .where(Connection.store_id == row.store_id, Connection.role == "platform")
        .order_by(Connection.name)
    ).all()
    return render_template(
        "imports/one.html",
        row=row,
        kind=KINDS[row.kind],
        form=form,
        choices=_choices(row),
        shown=shown,
        shops=shops,
        is_open=is_open,
        problems=actions.problems(session, row) if is_open else [],
        counts=COUNTS,
        error=error,
    )


@blueprint.post("/<public_id>/mapping")
@permission("manage")
def mapping(public_id: str) -> AnyResponse | tuple[str, int]:
    """Store what the columns mean and how to read them."""
    app = the_app()
    typed, form = read(Options, request.form)
    if not isinstance(typed, Options):
        with app.db.read() as session:
            return _page(session, _found(session, public_id), _named(form), "Something is not right yet."), 422
    numbers = {
        int(name[7:]): value for name, value in request.form.items() if name[:7] == "column-" and name[7:].isdigit()
    }
    try:
        with app.db.write() as session:
            row = _found(session, public_id)
            shop = request.form.get("connection", "")
            chosen = int(shop) if shop.isdigit() else None
            actions.change(session, row, app.clock(), mapping=numbers, options=typed, connection_id=chosen)
            if name := request.form.get("save_as", "").strip():
                actions.save_mapping(session, row, name, app.clock())
    except NotAllowed as error:
        with app.db.read() as session:
            return _page(session, _found(session, public_id), _named(form), str(error)), 422
    flash("Stored. Below are the first rows as they will come in.")
    return redirect(url_for("imports.one", public_id=public_id), 303)


@blueprint.post("/<public_id>/<what>")
@permission("manage")
def do(public_id: str, what: str) -> AnyResponse | tuple[str, int]:
    """Look through it, take it in, stop that, or forget the file."""
    if what not in ("check", "start", "stop", "discard"):
        abort(404)
    app, admin_id = the_app(), current_admin().id
    now = app.clock()
    try:
        with app.db.write() as session:
            row = _found(session, public_id)
            if what == "check":
                actions.check(session, row, now)
            elif what == "start":
                actions.start(session, row, now, admin_id)
            elif what == "stop":
                actions.cancel(session, row, now, admin_id)
            else:
                actions.discard(app, session, row, now, admin_id)
                flash("The file is forgotten; what was taken in stays.")
                return redirect(url_for("imports.index"), 303)
    except NotAllowed as error:
        with app.db.read() as session:
            row = _found(session, public_id)
            return _page(session, row, _form(Options.model_validate(row.options)), str(error)), 422
    return redirect(url_for("imports.one", public_id=public_id), 303)


@blueprint.get("/<public_id>/refused.csv")
@permission("manage")
def refused(public_id: str) -> Response:
    """The refused rows, to be put right and uploaded again."""
    app = the_app()
    with app.db.read() as session:
        import_id = _found(session, public_id).id

    def pieces() -> Iterator[bytes]:
        yield _line(("line", "column", "value", "reason"))
        for found in actions.refusals(app, import_id):
            yield _line(found)

    return _download(pieces(), "refused.csv", FORMATS["csv"])


def _line(cells: tuple[Any, ...]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerow([guard(str(cell)) for cell in cells])
    return written.getvalue().encode("utf-8", "replace")


@blueprint.get("/export/<dataset>.<form>")
@permission("manage")
def export(dataset: str, form: str) -> Response:
    """A data set, written while it is read."""
    app = the_app()
    if dataset not in DATASETS or form not in ("csv", "jsonl"):
        abort(404)
    now = app.clock()
    pieces = exports.take_out(app, the_store().id, dataset, form, now, current_admin().id)  # type: ignore[arg-type]  # one of the two
    return _download(pieces, f"{dataset}-{now:%Y-%m-%d}.{form}", FORMATS[form])


def _download(pieces: Iterator[bytes], name: str, content_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(pieces, content_type=content_type, headers=headers)


def _found(session: Session, public_id: str) -> Import:
    row = session.scalars(
        select(Import).where(Import.public_id == public_id, Import.store_id == the_store().id)
    ).one_or_none()
    return row or abort(404)
