"""Connections: the shops that speak to us, and the providers that carry our mails."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select
from werkzeug.wrappers import Response

from automation.actions import api_keys, connections, test_mails
from automation.connections import kinds, settings_of, source_of
from automation.errands import errands_of, standing
from automation.errors import SetupError
from automation.models import ApiKey, Connection, Template, TopicCount
from automation.platform import Platform
from automation.source import Source, SourceSettings
from webapp.auth import current_admin, may
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store, with_toast
from webapp.permissions import permission

blueprint = Blueprint("connections", __name__, url_prefix="/connections")

ICONS = {
    "shopify": ("shopping-bag", "green"),
    "api": ("api", "blue"),
    "mailbox": ("inbox", "yellow"),
    "postmark": ("mail-fast", "orange"),
    "resend": ("send", "purple"),
    "woocommerce": ("shopping-cart", "purple"),
    "bigcommerce": ("shopping-bag", "blue"),
    "magento": ("building-store", "orange"),
    "prestashop": ("building-store", "pink"),
    "medusa": ("building-store", "green"),
    "saleor": ("building-store", "secondary"),
    "stripe": ("credit-card", "purple"),
}
"""Kind → its drawing and tone; others are drawn by their role."""
ERRANDS = {
    "subscribe": ("Webhooks", "webhook"),
    "back_fill": ("Everything the shop has", "archive"),
    "reconcile": ("What webhooks missed", "refresh"),
}
"""Kind of errand → what it is called, and its drawing."""


class Naming(BaseModel):
    name: str = Field("", max_length=200, description="To tell it from others; its kind when this is empty.")


@blueprint.app_template_global("kind_icon")
def kind_icon(kind: str, role: str) -> tuple[str, str]:
    """The drawing and tone of a kind."""
    return ICONS.get(kind, ("building-store" if role == "platform" else "mail", "primary"))


def _summary(kind: type[Source]) -> str:
    return (kind.__doc__ or "").strip().split("\n", maxsplit=1)[0]


def _help(kind: type[Source]) -> list[str]:
    paragraphs = (kind.__doc__ or "").strip().split("\n\n")
    return [" ".join(paragraph.split()) for paragraph in paragraphs]


def _kind(role: str, kind: str) -> type[Source]:
    found = kinds(the_app(), role).get(kind) if role in ("platform", "provider") else None
    if found is None:
        abort(404)
    return found


def _find(public_id: str) -> Connection:
    with the_app().db.read() as session:
        row = session.scalars(
            select(Connection).where(Connection.public_id == public_id, Connection.store_id == the_store().id)
        ).first()
    if row is None:
        abort(404)
    return row


def _there(row: Connection) -> Response:
    return redirect(url_for("connections.one", public_id=row.public_id), 303)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All connections, by role."""
    app = the_app()
    with app.db.read() as session:
        rows = session.scalars(
            select(Connection).where(Connection.store_id == the_store().id).order_by(Connection.id)
        ).all()
    words = {(role, kind): _summary(c) for role in ("platform", "provider") for kind, c in kinds(app, role).items()}
    return render_template("connections/index.html", rows=rows, words=words)


@blueprint.get("/new/<role>")
@permission("manage")
def choose(role: str) -> str:
    """The kinds there are."""
    if role not in ("platform", "provider"):
        abort(404)
    found = [(kind, c.label, _summary(c)) for kind, c in kinds(the_app(), role).items()]
    return render_template("connections/choose.html", role=role, kinds=found)


@blueprint.get("/new/<role>/<kind>")
@permission("manage")
def new(role: str, kind: str) -> str:
    """The form of a kind."""
    found = _kind(role, kind)
    return _form(role, found, draw(Naming, prefix="connection_"), draw(found.Settings))


def _form(role: str, kind: type[Source], naming: Form, form: Form, row: Connection | None = None) -> str:
    return render_template(
        "connections/form.html", role=role, kind=kind, help=_help(kind), naming=naming, form=form, row=row
    )


@blueprint.post("/new/<role>/<kind>")
@permission("manage")
def create(role: str, kind: str) -> Response | tuple[str, int]:
    """Store a connection."""
    app, store = the_app(), the_store()
    found = _kind(role, kind)
    naming, names = read(Naming, request.form, prefix="connection_")
    settings, form = read(found.Settings, request.form)
    if not isinstance(naming, Naming) or not isinstance(settings, SourceSettings):
        return _form(role, found, names, form), 422
    now = app.clock()
    with app.db.write() as session:
        row = connections.add(
            app,
            session,
            store_id=store.id,
            role=role,
            kind=kind,
            name=naming.name or found.label,
            settings=settings,
            now=now,
            admin_id=current_admin().id,
        )
    flash(f"{row.name} is connected.")
    return _there(row)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One connection: its address, what it told, what can be done with it."""
    return _page(_find(public_id))


def _page(row: Connection, **more: Any) -> str:
    app = the_app()
    kind = kinds(app, row.role).get(row.kind)
    if kind is None:
        abort(404)
    with app.db.read() as session:
        topics = session.scalars(
            select(TopicCount).where(TopicCount.connection_id == row.id).order_by(TopicCount.last_at.desc())
        ).all()
        errands = errands_of(session, row.id)
        keys = session.scalars(select(ApiKey).where(ApiKey.connection_id == row.id).order_by(ApiKey.id)).all()
        templates = session.execute(
            select(Template.id, Template.title).where(Template.store_id == row.store_id).order_by(Template.title)
        ).all()
    return render_template(
        "connections/one.html",
        row=row,
        kind=kind,
        help=_help(kind),
        topics=topics,
        errands=[standing(errand, app.clock()) for errand in errands],
        words=ERRANDS,
        has_api=row.role == "platform" and _has_api(row),
        keys=keys,
        scopes=api_keys.SCOPES,
        templates=templates,
        hook=_hook(row),
        api=f"{app.settings.public_url}/api/v1",
        has_settings=bool(kind.Settings.model_fields),
        **more,
    )


def _has_api(row: Connection) -> bool:
    """Whether this is a shop that can be asked."""
    app = the_app()
    try:
        with app.http() as http:
            source = source_of(app, row, http)
    except (SetupError, ValueError):
        return False
    return isinstance(source, Platform) and source.has_api


def _hook(row: Connection) -> str:
    """The address for the other end's settings; what proves it is in there for those who may change it."""
    app = the_app()
    plain = f"{app.settings.public_url}/hooks/{row.public_id}"
    if not may("manage"):
        return plain
    try:
        with app.http() as http:
            return source_of(app, row, http).hook_url(plain)
    except SetupError:
        return plain


@blueprint.get("/<public_id>/settings")
@permission("manage")
def settings(public_id: str) -> str:
    """The form of a connection; secrets stay where they are unless others are typed."""
    row = _find(public_id)
    kind = _kind(row.role, row.kind)
    naming = draw(Naming, {"name": row.name}, prefix="connection_")
    try:
        form = draw(kind.Settings, settings_of(the_app(), row))
    except SetupError as error:
        form = draw(kind.Settings)
        form.error = str(error)
    return _form(row.role, kind, naming, form, row)


@blueprint.post("/<public_id>/settings")
@permission("manage")
def change(public_id: str) -> Response | tuple[str, int]:
    """Store other settings."""
    app = the_app()
    row = _find(public_id)
    kind = _kind(row.role, row.kind)
    try:
        kept = settings_of(app, row)
    except SetupError:
        kept = None
    naming, names = read(Naming, request.form, prefix="connection_")
    typed, form = read(kind.Settings, request.form, kept)
    if not isinstance(naming, Naming) or not isinstance(typed, SourceSettings):
        return _form(row.role, kind, names, form, row), 422
    with app.db.write() as session:
        stored = connections.find(session, row.public_id)
        connections.change(
            app, session, stored, name=naming.name, settings=typed, now=app.clock(), admin_id=current_admin().id
        )
    flash("The settings are stored.")
    return _there(row)


@blueprint.post("/<public_id>/check")
@permission("manage")
def check(public_id: str) -> Response:
    """Try the settings; says in place how it went."""
    row = _find(public_id)
    if row.role != "provider" and not _has_api(row):
        abort(404)
    works, said = connections.check(the_app(), row.public_id, the_app().clock())
    body = render_template("connections/checked.html", works=works, said=said)
    return with_toast(
        body, "The connection works." if works else "It does not work yet.", "success" if works else "danger"
    )


@blueprint.post("/<public_id>/test-mail")
@permission("manage")
def test_mail(public_id: str) -> Response:
    """Send the admin a mail through the store's provider."""
    app = the_app()
    row = _find(public_id)
    template = request.form.get("template", type=int) or 0
    with app.db.write() as session:
        test_mails.send(session, the_store(), current_admin(), template, app.clock())
    flash(f"A test mail to {current_admin().email} is on its way.")
    return _there(row)


@blueprint.post("/<public_id>/do/<what>")
@permission("manage")
def do(public_id: str, what: str) -> Response:
    """Pause, resume or prefer it."""
    actions = {"pause": connections.pause, "resume": connections.resume, "prefer": connections.prefer}
    if what not in actions:
        abort(404)
    app = the_app()
    row = _find(public_id)
    with app.db.write() as session:
        actions[what](session, connections.find(session, row.public_id), app.clock(), current_admin().id)
    said = {"pause": "is paused", "resume": "is active again", "prefer": "carries the store's mails from now on"}
    flash(f"{row.name} {said[what]}.")
    return _there(row)


@blueprint.post("/<public_id>/errands/<kind>")
@permission("manage")
def repeat(public_id: str, kind: str) -> Response:
    """Do one of its errands now."""
    if kind not in ERRANDS:
        abort(404)
    app = the_app()
    row = _find(public_id)
    with app.db.write() as session:
        connections.repeat(session, connections.find(session, row.public_id), kind, app.clock(), current_admin().id)
    flash(f"{ERRANDS[kind][0]}: it is done now.")
    return _there(row)


@blueprint.post("/<public_id>/remove")
@permission("manage")
def remove(public_id: str) -> Response:
    """Take it away."""
    app = the_app()
    row = _find(public_id)
    with app.db.write() as session:
        connections.remove(session, connections.find(session, row.public_id), app.clock(), current_admin().id)
    flash(f"{row.name} is removed.")
    return redirect(url_for("connections.index"), 303)


@blueprint.post("/<public_id>/keys")
@permission("manage")
def make_key(public_id: str) -> str:
    """Make an API key and show it, this once."""
    app = the_app()
    row = _find(public_id)
    if row.kind != "api":
        abort(404)
    with app.db.write() as session:
        key, token = api_keys.make(
            app,
            session,
            store_id=row.store_id,
            name=request.form.get("name", ""),
            scopes=request.form.getlist("scope"),
            now=app.clock(),
            admin_id=current_admin().id,
        )
    return _page(row, new_key=key, token=token)


@blueprint.post("/<public_id>/keys/<int:key_id>/revoke")
@permission("manage")
def revoke_key(public_id: str, key_id: int) -> Response:
    """Take a key back."""
    app = the_app()
    row = _find(public_id)
    with app.db.write() as session:
        if session.scalar(select(ApiKey.id).where(ApiKey.id == key_id, ApiKey.connection_id == row.id)) is None:
            abort(404)
        key = api_keys.revoke(session, key_id, now=app.clock(), admin_id=current_admin().id)
    flash(f"The key {key.name} no longer works.")
    return _there(row)
