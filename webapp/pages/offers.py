"""Offers: what customers are given to come back, the codes that stand for it, and what became of them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from automation.actions import offers as actions
from automation.app import App
from automation.errors import NotAllowed, Unreadable
from automation.models import Connection, Offer
from automation.money import decimal_text, minor_units
from automation.offers import REASONS
from automation.offers.codes import MOST, Imported
from automation.offers.terms import Guard, Terms, last_day
from automation.times import DAY, MIDNIGHT, instant, zone
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, place_errors, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import offers as queries
from webapp.queries.offers import OfferRow
from webapp.words import money

blueprint = Blueprint("offers", __name__, url_prefix="/offers")

GUARD = "guard-"
LABELS = {
    "most": "Offers per customer",
    "period_days": "Within so many days",
    "serial_after": "Codes for left carts",
    "least_margin": "Margin that must be left, in percent",
}
SUPPLIES = {
    "pool": "A pool of your own codes",
    "shared": "One code for everybody",
    "shop": "Made by the shop, ahead of time",
}
KINDS = {"percent": "Percent off", "amount": "An amount off", "shipping": "Free shipping"}
SHOWN_REFUSALS = 50
_ADVANCED: dict[str, Any] = {"advanced": True}


class Asked(BaseModel):
    """What is typed of an offer."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(max_length=200, title="What mails say", description="Such as “10 % off your next order”.")
    name: str = Field(max_length=64, title="What flows and rewards call it", description="A short name: ten-off.")
    kind: Literal["percent", "amount", "shipping"] = Field("percent", title="What it takes off")
    value: str = Field(
        "10", max_length=20, title="How much", description="Percent, or an amount such as 5.00; nothing for shipping."
    )
    minimum: str = Field(
        "", max_length=20, title="Least order", description="What the order must come to, such as 40.00."
    )
    valid_days: int | None = Field(
        14, ge=1, le=3650, title="Days to use it", description="Whole days from the mail on; empty sets no limit."
    )
    ends_on: date | None = Field(None, title="Last day", description="No code is good after this day.")
    supply: Literal["pool", "shared", "shop"] = Field("pool", title="Where codes come from")
    shared_code: str = Field("", max_length=64, title="The code for everybody", description="As your shop knows it.")
    shop: str = Field("", max_length=32, title="The shop that makes them", description="Where the shop makes codes.")
    prefix: str = Field(
        "", max_length=16, title="Codes begin with", description="Of generated ones.", json_schema_extra=_ADVANCED
    )
    keep_ahead: int = Field(
        200,
        ge=1,
        le=10_000,
        title="Codes to keep in stock",
        description="Where the shop makes them.",
        json_schema_extra=_ADVANCED,
    )
    low_stock: int = Field(
        50,
        ge=0,
        le=10_000,
        title="Tell us below",
        description="Fewer free codes than this are an alert.",
        json_schema_extra=_ADVANCED,
    )


def _find(session: Session, public_id: str) -> Offer:
    row = session.scalars(
        select(Offer).where(Offer.public_id == public_id, Offer.store_id == the_store().id)
    ).one_or_none()
    return row or abort(404)


def _shops(app: App, session: Session) -> list[Connection]:
    """Connected shops that can make codes."""
    rows = session.scalars(
        select(Connection)
        .where(Connection.store_id == the_store().id, Connection.role == "platform")
        .order_by(Connection.id)
    )
    return [row for row in rows if row.kind in app.platforms and app.platforms[row.kind].code_batch]


def _named(form: Form, shops: list[Connection]) -> Form:
    form["kind"].choices = list(KINDS.items())
    form["supply"].choices = [(key, text) for key, text in SUPPLIES.items() if key != "shop" or shops]
    form["shop"].widget, form["shop"].choices = "select", [(row.public_id, row.name) for row in shops]
    if not shops:
        form.fields = [one for one in form.fields if one.name not in ("shop", "keep_ahead")]
    return form


def _guarded(form: Form) -> Form:
    for one in form.fields:
        one.label = LABELS[one.name.removeprefix(GUARD)]
    return form


def words_of(offer: Offer) -> str:
    """What an offer takes off, in words."""
    what = {
        "percent": f"{offer.value} % off",
        "amount": f"{money(offer.value, offer.currency)} off",
        "shipping": "Free shipping",
    }[offer.kind]
    return what + (f" from {money(offer.minimum, offer.currency)}" if offer.minimum else "")


@blueprint.get("/")
@permission("view")
def index() -> str:
    """All offers of the store."""
    app = the_app()
    with app.db.read() as session:
        rows = queries.rows(session, the_store().id, app.clock())
    return render_template("offers/index.html", rows=rows, words_of=words_of, supplies=SUPPLIES)


def _form(form: Form, guard: Form, row: Offer | None) -> str:
    return render_template("offers/form.html", form=form, guard=guard, row=row)


@blueprint.get("/new")
@permission("manage")
def new() -> str:
    """The form of a new offer."""
    app = the_app()
    with app.db.read() as session:
        shops = _shops(app, session)
    return _form(_named(draw(Asked), shops), _guarded(draw(Guard, prefix=GUARD)), None)


@blueprint.get("/<public_id>/edit")
@permission("manage")
def edit(public_id: str) -> str:
    """The form of an offer that is there."""
    app = the_app()
    with app.db.read() as session:
        row = _find(session, public_id)
        shops = _shops(app, session)
        chosen = next((shop.public_id for shop in shops if shop.id == row.connection_id), "")
    last = last_day(row.ends_at, the_store().timezone)
    stored: dict[str, Any] = {
        **{name: getattr(row, name) for name in Asked.model_fields if hasattr(row, name)},
        "value": "" if row.kind == "shipping" else _amount(row.value, row.currency, is_money=row.kind == "amount"),
        "minimum": _amount(row.minimum, row.currency, is_money=True) if row.minimum is not None else "",
        "ends_on": date.fromisoformat(last) if last else None,
        "shop": chosen,
    }
    guard = Guard.model_validate(row.guard)
    return _form(_named(draw(Asked, stored), shops), _guarded(draw(Guard, guard, prefix=GUARD)), row)


def _amount(value: int, currency: str, *, is_money: bool) -> str:
    return decimal_text(value, currency) if is_money else str(value)


@blueprint.post("/")
@permission("manage")
def create() -> AnyResponse | tuple[str, int]:
    """Store a new offer."""
    return _save(None)


@blueprint.post("/<public_id>/edit")
@permission("manage")
def change(public_id: str) -> AnyResponse | tuple[str, int]:
    """Store other terms; codes that are out keep what was promised with them."""
    return _save(public_id)


def _save(public_id: str | None) -> AnyResponse | tuple[str, int]:
    app, store = the_app(), the_store()
    with app.db.write() as session:
        row = _find(session, public_id) if public_id else None
        shops = _shops(app, session)
        typed, form = read(Asked, request.form)
        guard, guard_form = read(Guard, request.form, prefix=GUARD)
        form, guard_form = _named(form, shops), _guarded(guard_form)
        if isinstance(typed, Asked) and isinstance(guard, Guard):
            currency = row.currency if row else store.currency
            terms = _terms(typed, guard, form, currency, store.timezone)
            shop = next((one for one in shops if one.public_id == typed.shop), None)
            if terms is not None:
                try:
                    saved = actions.save(
                        app,
                        session,
                        store.id,
                        terms,
                        app.clock(),
                        offer=row,
                        connection=shop if terms.supply == "shop" else None,
                        admin_id=current_admin().id,
                    )
                except NotAllowed as error:
                    form.error = str(error)
                else:
                    flash(f"“{saved.label}” is stored.")
                    return redirect(url_for("offers.one", public_id=saved.public_id), 303)
        session.expunge_all()
    form.error = form.error or "Something is not right yet."
    return _form(form, guard_form, row), 422


def _terms(typed: Asked, guard: Guard, form: Form, currency: str, timezone: str) -> Terms | None:
    """The terms that were typed; None with what is wrong put at its field."""
    given = typed.model_dump(exclude={"ends_on", "shop", "value", "minimum"})
    given |= {"guard": guard, "currency": currency, "value": 0}
    for name in ("value", "minimum"):
        text = getattr(typed, name).strip()
        is_money = name == "minimum" or typed.kind == "amount"
        if not text or (name == "value" and typed.kind == "shipping"):
            continue
        try:
            given[name] = minor_units(text, currency) if is_money else int(text)
        except (Unreadable, ValueError):
            form[name].error = "This must be an amount, such as 5.00." if is_money else "This must be a whole number."
            return None
    if typed.ends_on is not None:
        given["ends_at"] = instant(typed.ends_on + DAY, MIDNIGHT, zone(timezone))
    try:
        return Terms.model_validate(given)
    except ValidationError as error:
        place_errors(form, error)
        said, _, words = form.error.partition(": ")
        if said.lower() in Asked.model_fields and words:
            form[said.lower()].error, form.error = words[:1].upper() + words[1:], ""
        return None


@blueprint.get("/<public_id>")
@permission("view")
def one(public_id: str) -> str:
    """One offer: its stock, what became of its codes, and who went without."""
    return _one(public_id)


def _one(public_id: str, report: Imported | None = None, error: str = "") -> str:
    app = the_app()
    with app.db.read() as session:
        rows = queries.rows(session, the_store().id, app.clock(), public_id)
        row: OfferRow = rows[0] if rows else abort(404)
        uses = queries.uses(session, row.offer.id)
        refusals = queries.refusals(session, row.offer.id, app.clock())
        shop = session.get(Connection, row.offer.connection_id) if row.offer.connection_id else None
    return render_template(
        "offers/one.html",
        row=row,
        offer=row.offer,
        uses=uses,
        refusals=[(REASONS.get(reason, reason), count) for reason, count in refusals],
        shop=shop,
        words=words_of(row.offer),
        guard=Guard.model_validate(row.offer.guard),
        last=last_day(row.offer.ends_at, the_store().timezone),
        supply=SUPPLIES[row.offer.supply],
        report=report,
        shown=SHOWN_REFUSALS,
        most=MOST,
        error=error,
    )


@blueprint.post("/<public_id>/generate")
@permission("manage")
def generate(public_id: str) -> AnyResponse | tuple[str, int]:
    """Draw new codes into the pool."""
    app, typed = the_app(), request.form.get("count", "").strip()
    if not typed.isascii() or not typed.isdigit() or not 1 <= int(typed[:9]) <= MOST:
        return _one(public_id, error=f"How many? A whole number from 1 to {MOST:,}."), 422
    with app.db.write() as session:
        made = actions.generate_codes(session, _find(session, public_id), int(typed), app.clock(), current_admin().id)
    flash(f"{len(made):,} codes are made. Download the free codes and tell your shop of them.")
    return redirect(url_for("offers.one", public_id=public_id), 303)


@blueprint.post("/<public_id>/bring")
@permission("manage")
def bring(public_id: str) -> AnyResponse | tuple[str, int]:
    """Take codes in, from a file or as they were typed, one a line."""
    app, file = the_app(), request.files.get("file")
    text = request.form.get("codes", "")
    if file is not None and file.filename:
        text = file.read().decode("utf-8-sig", "replace")
    if not text.strip():
        return _one(public_id, error="Choose a file, or type the codes, one a line."), 422
    with app.db.write() as session:
        offer = _find(session, public_id)
        report = actions.import_codes(session, offer, text.splitlines(), app.clock(), current_admin().id)
    if report.refused:
        return _one(public_id, report), 422 if not report.added else 200
    flash(f"{report.added:,} codes are in the pool.")
    return redirect(url_for("offers.one", public_id=public_id), 303)


@blueprint.get("/<public_id>/free.csv")
@permission("manage")
def free(public_id: str) -> Response:
    """The codes that nobody has yet, for the shop to be told."""
    with the_app().db.read() as session:
        offer = _find(session, public_id)
        text = "\r\n".join(["code", *queries.free_codes(session, offer.id), ""])
    headers = {
        "Content-Disposition": f'attachment; filename="codes-{offer.public_id}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(text, content_type="text/csv; charset=utf-8", headers=headers)


@blueprint.post("/<public_id>/withdraw")
@permission("manage")
def withdraw(public_id: str) -> AnyResponse:
    """End an offer. Codes that customers have in their hands stay theirs."""
    app = the_app()
    with app.db.write() as session:
        offer = _find(session, public_id)
        voided = actions.withdraw(session, offer, app.clock(), current_admin().id)
        label = offer.label
    flash(f"“{label}” is withdrawn; {voided:,} codes that nobody had are void.")
    return redirect(url_for("offers.one", public_id=public_id), 303)
