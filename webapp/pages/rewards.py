"""Rewards: what points can be spent on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import loyalty as actions
from automation.errors import NotAllowed
from automation.loyalty import programme
from automation.loyalty.ledger import MOST
from automation.models import Offer, Reward
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission

blueprint = Blueprint("rewards", __name__, url_prefix="/loyalty/rewards")


class Asked(BaseModel):
    """What is typed of a reward."""

    name: str = Field(max_length=200, title="Name", description="As customers read it: “5 € off your next order”.")
    points: int = Field(500, ge=1, le=MOST, title="Points it costs")
    offer: str = Field("", max_length=32, title="The code it gives", description="An offer, or none: then say below.")
    note: str = Field(
        "",
        max_length=500,
        title="Or what the customer gets",
        description="Without a code: “A tin of tea in your next parcel”. It shows among what is to be done.",
    )
    least_rank: int = Field(0, ge=0, le=20, title="Only from this tier on")
    is_active: bool = Field(True, title="Can be taken now")


def _offers(session: Session) -> list[Offer]:
    wanted = select(Offer).where(Offer.store_id == the_store().id, Offer.is_active).order_by(Offer.label)
    return list(session.scalars(wanted))


def _named(form: Form, offers: list[Offer]) -> Form:
    tiers = programme.of(the_store()).tiers
    form["offer"].widget = form["least_rank"].widget = "select"
    form["offer"].choices = [("", "None"), *((row.public_id, row.label) for row in offers)]
    form["least_rank"].choices = [("0", "For everybody"), *((str(n), tier.name) for n, tier in enumerate(tiers, 1))]
    form["least_rank"].value = str(form["least_rank"].value or 0)
    form["offer"].is_optional = False
    return form


def _find(session: Session, public_id: str) -> Reward:
    row = session.scalars(
        select(Reward).where(Reward.public_id == public_id, Reward.store_id == the_store().id)
    ).one_or_none()
    return row or abort(404)


def _page(form: Form, row: Reward | None) -> str:
    return render_template("loyalty/reward.html", form=form, row=row)


@blueprint.get("/new")
@permission("manage")
def new() -> str:
    """The form of a new reward."""
    with the_app().db.read() as session:
        return _page(_named(draw(Asked), _offers(session)), None)


@blueprint.get("/<public_id>")
@permission("manage")
def edit(public_id: str) -> str:
    """The form of a reward that is there."""
    with the_app().db.read() as session:
        row = _find(session, public_id)
        offers = _offers(session)
        stored: dict[str, Any] = {name: getattr(row, name) for name in Asked.model_fields if name != "offer"}
        stored["offer"] = next((offer.public_id for offer in offers if offer.id == row.offer_id), "")
    return _page(_named(draw(Asked, stored), offers), row)


@blueprint.post("/")
@permission("manage")
def create() -> Response | tuple[str, int]:
    """Store a new reward."""
    return _save(None)


@blueprint.post("/<public_id>")
@permission("manage")
def change(public_id: str) -> Response | tuple[str, int]:
    """Store a reward otherwise; what was taken before stays as it was."""
    return _save(public_id)


def _save(public_id: str | None) -> Response | tuple[str, int]:
    app = the_app()
    typed, form = read(Asked, request.form)
    with app.db.write() as session:
        row = _find(session, public_id) if public_id else None
        offers = _offers(session)
        _named(form, offers)
        if isinstance(typed, Asked):
            try:
                actions.save_reward(
                    session,
                    the_store().id,
                    name=typed.name,
                    points=typed.points,
                    offer=next((one for one in offers if one.public_id == typed.offer), None),
                    note=typed.note,
                    least_rank=typed.least_rank,
                    is_active=typed.is_active,
                    reward=row,
                    now=app.clock(),
                    admin_id=current_admin().id,
                )
            except NotAllowed as error:
                form.error = str(error)
            else:
                flash(f"“{typed.name}” is stored.")
                return redirect(url_for("loyalty.index"), 303)
        session.expunge_all()
    return _page(form, row), 422
