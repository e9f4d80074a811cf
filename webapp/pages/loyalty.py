"""The loyalty programme: how it is doing, its rules, its members, and a balance put right by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation.actions import loyalty as actions
from automation.errors import NotAllowed, Unreadable
from automation.loyalty import ledger, programme
from automation.loyalty.ledger import NOTHING
from automation.loyalty.programme import EventRule, Programme, Tier
from automation.models import Customer, LoyaltyAccount, Redemption
from automation.money import decimal_text, minor_units
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.queries import loyalty as queries

blueprint = Blueprint("loyalty", __name__, url_prefix="/loyalty")

KINDS = {"earn": "Earned", "spend": "Spent", "expire": "Expired", "adjust": "By hand", "reverse": "Taken back"}


class Rules(BaseModel):
    """The programme as it is typed; lists are typed one a line."""

    is_on: bool = Field(False, title="The programme is on", description="Customers earn points from then on.")
    per_unit: Decimal = Field(
        Decimal(3), ge=0, le=100_000, title="Points for a unit of money", description="For one euro, or one yen."
    )
    basis: Literal["goods", "total"] = Field(
        "goods", title="What counts", description="The goods after discount, or the total with shipping and tax."
    )
    sign_up: int = Field(0, ge=0, le=1_000_000, title="For agreeing to mails", description="Once, at the first time.")
    birthday: int = Field(0, ge=0, le=1_000_000, title="On the birthday", description="Once a year.")
    events: str = Field(
        "",
        max_length=5000,
        title="For other things",
        description="One a line: event: points: time, product, day or customer: what the customer reads. "
        "review.left: 50: product: For your review",
    )
    expire_days: int = Field(
        365, ge=0, le=3650, title="Points last, in days", description="0 means that they are never gone."
    )
    tiers: str = Field(
        "",
        max_length=5000,
        title="Tiers",
        description="One a line, the lowest first: name: spend it takes: factor for points: what else it brings. "
        "Gold: 500.00: 1.5: Free delivery",
    )
    window_days: int = Field(
        365, ge=1, le=3650, title="Tiers rest on the spend of", description="So many days back from today."
    )
    grace_days: int = Field(
        30, ge=0, le=730, title="A tier is kept for", description="So many days after the spend fell below it."
    )
    referrer: int = Field(
        0, ge=0, le=1_000_000, title="For bringing a friend", description="Once the friend has bought."
    )
    friend: int = Field(0, ge=0, le=1_000_000, title="For the friend", description="Once they have bought.")
    friend_offer: str = Field(
        "", max_length=64, title="Offer for the friend", description="The short name of an offer."
    )
    friend_least: str = Field(
        "", max_length=20, title="A friend's order must come to", description="An amount such as 20.00; empty: any."
    )
    return_days: int = Field(
        14,
        ge=0,
        le=365,
        title="Days for sending back",
        description="A friend's order counts when it can no longer be sent back.",
        json_schema_extra={"advanced": True},
    )
    owe: bool = Field(
        True,
        title="Refunds can take the balance below zero",
        description="When points of a refunded order were spent already, the next ones make up for it.",
        json_schema_extra={"advanced": True},
    )
    other_currencies: str = Field(
        "",
        max_length=1000,
        title="Points in other currencies",
        description="One a line: USD: 2.7. Orders in currencies that are not here earn nothing.",
        json_schema_extra={"advanced": True},
    )


_LISTS = ("events", "tiers", "other_currencies")


def _written(rules: Programme, currency: str) -> dict[str, Any]:
    """A programme as the form shows it."""
    values: dict[str, Any] = {name: getattr(rules, name) for name in Rules.model_fields if name not in _LISTS}
    values["per_unit"] = f"{rules.per_unit.normalize():f}"
    values["friend_least"] = decimal_text(rules.friend_least, currency) if rules.friend_least else ""
    values["events"] = "\n".join(
        ": ".join(filter(None, (one.event, str(one.points), one.each, one.words))) for one in rules.events
    )
    values["tiers"] = "\n".join(
        ": ".join(filter(None, (t.name, decimal_text(t.spend, currency), f"{t.factor.normalize():f}", t.perks)))
        for t in rules.tiers
    )
    values["other_currencies"] = "\n".join(
        f"{code}: {rate.normalize():f}" for code, rate in rules.other_currencies.items()
    )
    return values


def _lines(text: str, most: int, make: Callable[[list[str]], Any]) -> list[Any]:
    """What stands in each line, its parts after colons. Raises NotAllowed naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split(":", most - 1)]
        try:
            found.append(make([*parts, *[""] * (most - len(parts))]))
        except ValidationError as error:
            words = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            raise NotAllowed(f"Line {number}: {words}.") from error
        except (ArithmeticError, ValueError, Unreadable) as error:
            raise NotAllowed(f"Line {number}: a number is missing, or is none.") from error
    return found


def _event(parts: list[str]) -> EventRule:
    name, points, each, words = parts
    return EventRule.model_validate(
        {"event": name, "points": int(points), "words": words, **({"each": each} if each else {})}
    )


def _tier(parts: list[str], currency: str) -> Tier:
    name, spend, factor, perks = parts
    return Tier(name=name, spend=minor_units(spend, currency), factor=Decimal(factor or 1), perks=perks)


def _programme(typed: Rules, form: Form, before: Programme, currency: str) -> Programme | None:
    """The programme that was typed; None with what is wrong put at its field."""
    given: dict[str, Any] = {**before.model_dump(), **typed.model_dump(exclude={*_LISTS, "friend_least"})}
    readers: dict[str, Callable[[], Any]] = {
        "events": lambda: _lines(typed.events, 4, _event),
        "tiers": lambda: _lines(typed.tiers, 4, lambda parts: _tier(parts, currency)),
        "other_currencies": lambda: dict(
            _lines(typed.other_currencies, 2, lambda parts: (parts[0].upper(), Decimal(parts[1])))
        ),
        "friend_least": lambda: minor_units(typed.friend_least, currency) if typed.friend_least.strip() else 0,
    }
    for name, reader in readers.items():
        try:
            given[name] = reader()
        except (NotAllowed, Unreadable) as error:
            form[name].error = str(error)
    if form.is_wrong:
        return None
    try:
        return Programme.model_validate(given)
    except ValidationError as error:
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else "tiers"
            words = str(found["msg"]).removeprefix("Value error, ").removeprefix("tiers: ")
            at = next((one for one in form.fields if one.name == name), form["tiers"])
            at.error = words[:1].upper() + words[1:] + "."
        return None


@blueprint.get("/")
@permission("view")
def index() -> str:
    """How the programme is doing."""
    app, store = the_app(), the_store()
    rules = programme.of(store)
    with app.db.read() as session:
        found = queries.overview(session, store.id, rules, app.clock())
        rewards = queries.rewards(session, store.id)
    return render_template("loyalty/index.html", rules=rules, found=found, rewards=rewards)


def _settings(form: Form) -> str:
    form["basis"].choices = [("goods", "The goods after discount"), ("total", "The total with shipping and tax")]
    for name in _LISTS:
        form[name].widget, form[name].rows = "area", 4
    return render_template("loyalty/settings.html", form=form)


@blueprint.get("/settings")
@permission("manage")
def settings() -> str:
    """The programme's rules."""
    store = the_store()
    return _settings(draw(Rules, _written(programme.of(store), store.currency)))


@blueprint.post("/settings")
@permission("manage")
def change() -> Response | tuple[str, int]:
    """Store other rules; they hold from now on."""
    app, store = the_app(), the_store()
    typed, form = read(Rules, request.form)
    found = _programme(typed, form, programme.of(store), store.currency) if isinstance(typed, Rules) else None
    if found is None:
        form.error = form.error or "Something is not right yet."
        return _settings(form), 422
    with app.db.write() as session:
        actions.save_programme(session, store.id, found, app.clock(), current_admin().id)
    flash("The programme is stored; its rules hold from now on.")
    return redirect(url_for("loyalty.index"), 303)


@blueprint.get("/members")
@permission("view")
def members() -> str:
    """Who has points, the most first."""
    search = request.args.get("q", "")[:100]
    with the_app().db.read() as session:
        rows, after = queries.members(session, the_store().id, search, request.args.get("after", ""))
    return render_template("loyalty/members.html", rows=rows, after=after, search=search)


def _customer(session: Session, public_id: str) -> Customer:
    row = session.scalars(
        select(Customer).where(
            Customer.public_id == public_id, Customer.store_id == the_store().id, Customer.erased_at.is_(None)
        )
    ).one_or_none()
    return row or abort(404)


class Adjustment(BaseModel):
    """A balance put right."""

    points: int = Field(
        ge=-10_000_000, le=10_000_000, title="Points", description="Above zero gives, below zero takes: -50."
    )
    reason: str = Field(max_length=200, title="Why", description="The customer reads it in their history.")


@blueprint.get("/members/<public_id>")
@permission("view")
def member(public_id: str) -> str:
    """One customer's ledger."""
    return _member(public_id, draw(Adjustment))


def _member(public_id: str, form: Form) -> str:
    app = the_app()
    with app.db.read() as session:
        row = _customer(session, public_id)
        standing = ledger.standings(session, [row.id], app.clock()).get(row.id, NOTHING)
        account = session.get(LoyaltyAccount, row.id)
        lines = queries.history(session, row.id)
    return render_template(
        "loyalty/member.html",
        row=row,
        standing=standing,
        account=account,
        lines=lines,
        kinds=KINDS,
        form=form,
        shown=queries.LINES,
    )


@blueprint.post("/members/<public_id>/adjust")
@permission("manage")
def adjust(public_id: str) -> Response | tuple[str, int]:
    """Give points, or take them, for a reason."""
    app = the_app()
    typed, form = read(Adjustment, request.form)
    if not isinstance(typed, Adjustment):
        return _member(public_id, form), 422
    try:
        with app.db.write() as session:
            customer = _customer(session, public_id)
            actions.adjust(session, customer, typed.points, typed.reason, app.clock(), current_admin().id)
    except NotAllowed as error:
        form["reason" if "why" in str(error) else "points"].error = str(error)
        return _member(public_id, form), 422
    flash(f"{abs(typed.points):,} points were {'given' if typed.points > 0 else 'taken'}.")
    return redirect(url_for("loyalty.member", public_id=public_id), 303)


@blueprint.post("/redemptions/<int:redemption_id>/done")
@permission("edit")
def done(redemption_id: int) -> Response:
    """Say that what a reward promises was seen to."""
    app = the_app()
    with app.db.write() as session:
        row = session.get(Redemption, redemption_id)
        if row is None or row.store_id != the_store().id:
            abort(404)
        actions.fulfil(session, row, app.clock(), current_admin().id)
    flash("Written down as done.")
    return redirect(url_for("loyalty.index"), 303)
