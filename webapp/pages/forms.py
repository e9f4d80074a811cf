"""Sign-up forms: what there are and what became of them, the editor with its preview, and the shop's snippet."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import storefront
from automation.actions import forms as actions
from automation.errors import NotAllowed
from automation.languages import words
from automation.models import Form as FormModel
from automation.models import Store
from automation.signup.definition import FormDefinition
from automation.storefront import Storefront
from webapp import forms
from webapp.auth import current_admin
from webapp.entries import empty
from webapp.factory import the_app
from webapp.forms import Form
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import forms as queries
from webapp.queries.forms import FormRow

blueprint = Blueprint("forms", __name__, url_prefix="/forms")

SAID = {
    "live": "The form is open.",
    "draft": "The form is closed; nobody can sign up by it now.",
    "archived": "The form is put away. Its figures, and what people agreed to, are kept.",
}


class Named(BaseModel):
    """The name alone, above the rest of the editor."""

    name: str = Field(min_length=1, max_length=200, description="Only you see it.")


@dataclass(frozen=True, slots=True)
class Codes:
    """What is copied into a shop's pages."""

    page: str
    embed: str
    frame: str
    snippet: str


def _codes(row: FormRow, store: Store) -> Codes:
    base = the_app().settings.public_url
    address = f"{base}/f/{row.public_id}"
    frame = Markup('<iframe src="{}?embed=1" title="{}" width="100%" height="480"></iframe>')
    return Codes(
        page=address,
        embed=f'<script src="{address}.js" async></script>',
        frame=str(frame.format(address, row.definition.title)),
        snippet=_snippet(store),
    )


def _snippet(store: Store) -> str:
    return f'<script src="{the_app().settings.public_url}/s/{store.public_id}.js" defer></script>'


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All forms."""
    store, now = the_store(), the_app().clock()
    with the_app().db.read() as session:
        found = queries.rows(session, store.id, now)
    return render_template("forms/index.html", rows=found, languages=_languages())


def _languages() -> list[tuple[str, str]]:
    return [("en", "English"), ("de", "German")]


@blueprint.post("/")
@permission("edit")
def create() -> Response:
    """A draft."""
    app = the_app()
    language = request.form.get("language", "en")
    if language not in dict(_languages()):
        raise NotAllowed("A form is in English or in German.")
    with app.db.write() as session:
        store = session.get_one(Store, the_store().id)
        row = actions.create(
            app, session, store, request.form.get("name", ""), language, app.clock(), current_admin().id
        )
        public_id = row.public_id
    flash("This is a draft. Change what it says, then open it.")
    return redirect(url_for("forms.one", public_id=public_id), 303)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One form: the editor, its preview, its figures, and what to copy."""
    row = _found(public_id)
    return _editor(row, forms.draw(Named, {"name": row.name}), forms.draw(FormDefinition, row.definition))


def _editor(row: FormRow, named: Form, form: Form) -> str:
    for each in form.fields:
        each.is_required = False  # the browser would not let a draft be previewed
        if each.name == "language":
            each.choices = _languages()
    return render_template(
        "forms/one.html",
        row=row,
        named=named,
        form=form,
        codes=_codes(row, the_store()),
        has_origins=bool(storefront.storefront_of(the_store()).origin_list),
        **_preview(row.definition),
    )


def _preview(definition: FormDefinition) -> dict[str, object]:
    return {"shown": definition, "typed": empty(), "_": words(definition.language)}


@blueprint.post("/<public_id>/preview")
@permission("edit")
def preview(public_id: str) -> tuple[str, int]:
    """What the form would look like, as a fragment."""
    _found(public_id)
    typed, form = forms.read(FormDefinition, request.form)
    if not isinstance(typed, FormDefinition):
        wrong = [f"{each.label}: {each.error}" for each in form.fields if each.error]
        return render_template("forms/not_yet.html", wrong=wrong), 200
    return render_template("forms/preview.html", **_preview(typed)), 200


@blueprint.post("/<public_id>")
@permission("edit")
def save(public_id: str) -> Response | tuple[str, int]:
    """A new version, or what is wrong with it."""
    app, row = the_app(), _found(public_id)
    name, named = forms.read(Named, request.form)
    typed, form = forms.read(FormDefinition, request.form)
    if not isinstance(typed, FormDefinition) or not isinstance(name, Named):
        return _editor(row, named, form), 422
    try:
        with app.db.write() as session:
            version = actions.save(
                app, session, session.get_one(FormModel, row.id), name.name, typed, app.clock(), current_admin().id
            )
            number = version.number
    except NotAllowed as error:
        form["offer"].error = str(error)
        return _editor(row, named, form), 422
    flash(f"Saved as version {number}." if number != row.number else "Saved; nothing that people see has changed.")
    return redirect(url_for("forms.one", public_id=public_id), 303)


@blueprint.post("/<public_id>/state")
@permission("manage")
def set_state(public_id: str) -> Response:
    """Open it, close it, or put it away."""
    app, row = the_app(), _found(public_id)
    state = request.form.get("state", "")
    with app.db.write() as session:
        actions.set_state(session, session.get_one(FormModel, row.id), state, app.clock(), current_admin().id)
    flash(SAID[state])
    return redirect(url_for("forms.one", public_id=public_id), 303)


@blueprint.get("/storefront")
@permission("view")
def shop() -> str:
    """The snippet for the shop's pages."""
    return _shop(forms.draw(Storefront, storefront.storefront_of(the_store())))


def _shop(form: Form) -> str:
    return render_template("forms/storefront.html", form=form, snippet=_snippet(the_store()))


@blueprint.post("/storefront")
@permission("manage")
def save_shop() -> Response | tuple[str, int]:
    """Store whose pages may speak, and what they tell."""
    app = the_app()
    typed, form = forms.read(Storefront, request.form)
    if not isinstance(typed, Storefront):
        return _shop(form), 422
    with app.db.write() as session:
        storefront.save(session, the_store().id, typed, app.clock(), current_admin().id)
    flash("Stored. Pages that are open already hear of it within five minutes.")
    return redirect(url_for("forms.shop"), 303)


def _found(public_id: str) -> FormRow:
    def read(session: Session) -> list[FormRow]:
        return queries.rows(session, the_store().id, the_app().clock(), public_id)

    with the_app().db.read() as session:
        found = read(session)
    return found[0] if found else abort(404)
