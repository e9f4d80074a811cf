"""Feeds: the blogs that campaigns tell of."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select
from werkzeug.wrappers import Response

from automation.actions import feeds
from automation.errors import CartwheelError, NotAllowed
from automation.models import Feed, FeedItem
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission

blueprint = Blueprint("feeds", __name__, url_prefix="/feeds")

SHOWN = 20
"""Items that a page shows."""


class Asked(BaseModel):
    """What is typed to add a feed."""

    url: str = Field(max_length=2000, description="Of its RSS, Atom or JSON feed: https://shop.example.com/blog/feed")


class Settings(BaseModel):
    """What can be changed of a feed."""

    title: str = Field(max_length=200, description="What it is called on these pages.")
    url: str = Field(max_length=2000, description="Where it is fetched.")
    every_minutes: int = Field(
        30,
        ge=feeds.LEAST_MINUTES,
        le=feeds.MOST_MINUTES,
        description="How often it is asked, in minutes; less often where its server asks for that.",
    )


def _find(public_id: str) -> Feed:
    with the_app().db.read() as session:
        row = session.scalars(select(Feed).where(Feed.public_id == public_id, Feed.store_id == the_store().id)).first()
    if row is None:
        abort(404)
    return row


def _there(row: Feed) -> Response:
    return redirect(url_for("feeds.one", public_id=row.public_id), 303)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All feeds of the store."""
    with the_app().db.read() as session:
        rows = session.scalars(select(Feed).where(Feed.store_id == the_store().id).order_by(Feed.id)).all()
    return render_template("feeds/index.html", rows=rows)


@blueprint.get("/new")
@permission("manage")
def new() -> str:
    """Where an address is typed."""
    return render_template("feeds/new.html", form=draw(Asked), look=None)


@blueprint.post("/look")
@permission("manage")
def look() -> str | tuple[str, int]:
    """Fetch the feed and show what is in it, before it is added."""
    typed, form = read(Asked, request.form)
    if not isinstance(typed, Asked):
        return render_template("feeds/new.html", form=form, look=None), 422
    try:
        found = feeds.look(the_app(), typed.url, the_app().clock())
    except CartwheelError as error:
        form["url"].error = str(error)
        return render_template("feeds/new.html", form=form, look=None), 422
    return render_template("feeds/new.html", form=form, look=found, shown=SHOWN)


@blueprint.post("/")
@permission("manage")
def create() -> Response | tuple[str, int]:
    """Have it read from now on."""
    app, store = the_app(), the_store()
    typed, form = read(Asked, request.form)
    if not isinstance(typed, Asked):
        return render_template("feeds/new.html", form=form, look=None), 422
    try:
        with app.db.write() as session:
            row = feeds.add(
                session,
                store_id=store.id,
                url=typed.url,
                title=request.form.get("title", ""),
                now=app.clock(),
                admin_id=current_admin().id,
            )
    except NotAllowed as error:
        form["url"].error = str(error)
        return render_template("feeds/new.html", form=form, look=None), 422
    flash(f"{row.title} is read from now on.")
    return _there(row)


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One feed: how it is, and what stood in it lately."""
    row = _find(public_id)
    with the_app().db.read() as session:
        items = session.scalars(
            select(FeedItem).where(FeedItem.feed_id == row.id).order_by(FeedItem.id.desc()).limit(SHOWN)
        ).all()
    return render_template("feeds/one.html", row=row, items=items)


@blueprint.get("/<public_id>/settings")
@permission("manage")
def settings(public_id: str) -> str:
    """The form of a feed."""
    row = _find(public_id)
    stored: dict[str, Any] = {"title": row.title, "url": row.url, "every_minutes": row.every_minutes}
    return _form(row, draw(Settings, stored))


def _form(row: Feed, form: Form) -> str:
    return render_template("feeds/settings.html", row=row, form=form)


@blueprint.post("/<public_id>/settings")
@permission("manage")
def change(public_id: str) -> Response | tuple[str, int]:
    """Store other settings."""
    app, row = the_app(), _find(public_id)
    typed, form = read(Settings, request.form)
    if not isinstance(typed, Settings):
        return _form(row, form), 422
    try:
        with app.db.write() as session:
            feeds.change(
                session,
                feeds.find(session, row.store_id, public_id),
                title=typed.title,
                url=typed.url,
                every_minutes=typed.every_minutes,
                now=app.clock(),
                admin_id=current_admin().id,
            )
    except NotAllowed as error:
        form["url"].error = str(error)
        return _form(row, form), 422
    flash("The settings are stored.")
    return _there(row)


@blueprint.post("/<public_id>/do/<what>")
@permission("manage")
def do(public_id: str, what: str) -> Response:
    """Pause it, resume it, or fetch it now."""
    actions = {"pause": feeds.pause, "resume": feeds.resume, "fetch": feeds.resume}
    if what not in actions:
        abort(404)
    app, row = the_app(), _find(public_id)
    if what == "fetch" and row.state != "active":
        raise NotAllowed("Resume it first.")
    with app.db.write() as session:
        actions[what](session, feeds.find(session, row.store_id, public_id), app.clock(), current_admin().id)
    said = {"pause": "is paused", "resume": "is read again", "fetch": "is fetched now"}
    flash(f"{row.title} {said[what]}.")
    return _there(row)


@blueprint.post("/<public_id>/remove")
@permission("manage")
def remove(public_id: str) -> Response:
    """Take it away."""
    app, row = the_app(), _find(public_id)
    with app.db.write() as session:
        feeds.remove(session, feeds.find(session, row.store_id, public_id), app.clock(), current_admin().id)
    flash(f"{row.title} is removed.")
    return redirect(url_for("feeds.index"), 303)
