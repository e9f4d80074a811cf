"""Attribution: by which rules orders count for mails, which do, and why each one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from automation import audit
from automation.actions import stores
from automation.errors import NotAllowed
from automation.insights import hits
from automation.insights.attribution.explaining import explain
from automation.insights.attribution.rules import Window, window_of
from automation.insights.report import Column, Table
from automation.insights.touches.channels import CHANNELS, DEVICES, RULES
from automation.models import Attribution, Store
from automation.policy import Policy
from webapp.auth import current_admin
from webapp.factory import the_app
from webapp.forms import Form, draw, read
from webapp.navigation import the_store
from webapp.permissions import permission
from webapp.reporting import asked_values, choices, csv_answer, shown

blueprint = Blueprint("attribution", __name__, url_prefix="/attribution")


class Rules(BaseModel):
    """What can be set of attribution."""

    days: float = Field(
        5,
        ge=0,
        le=90,
        title="Days a click counts",
        description="An order counts for the last mail that a person clicked in so many days before it.",
    )
    opens: bool = Field(
        default=False,
        title="Opens count, too",
        description="Where nobody clicked, the last open by a person counts. Many opens are made by programs.",
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a change of the rules has come."""

    way: Attribution | None
    wanted: Window

    @property
    def is_going(self) -> bool:
        """Whether the figures are still those of other rules."""
        return self.way is not None and Window(self.way.seconds, self.way.opens) != self.wanted

    @property
    def share(self) -> float:
        """0 to 1."""
        if self.way is None or self.way.position is None or not self.way.last:
            return 0.0
        return min(1.0, self.way.position / self.way.last)


def _progress(session: Session) -> Progress:
    store = session.get_one(Store, the_store().id)
    way = session.get(Attribution, store.id)
    return Progress(way, window_of(Policy.model_validate(store.policy)))


def _drawn(session: Session) -> Form:
    window = _progress(session).wanted
    return draw(Rules, {"days": window.days, "opens": window.opens})


def _page(form: Form | None = None) -> str:
    with the_app().db.read() as session:
        values, error = asked_values(session, the_store(), "attributed_orders")
        found = shown(session, the_store(), "attributed_orders", values)
        return render_template(
            "attribution/index.html",
            shown=found,
            form=form or _drawn(session),
            progress=_progress(session),
            channels=channel_table(),
            error=error,
            **choices(session),
        )


@blueprint.get("/")
@permission("view")
def index() -> str:
    """Settings, the orders that count for mails, and how channels are told."""
    return _page()


@blueprint.post("/")
@permission("manage")
def change() -> Response | tuple[str, int]:
    """Store other rules: all orders are looked at again, the figures stay until that is done."""
    app = the_app()
    typed, form = read(Rules, request.form)
    if not isinstance(typed, Rules):
        return _page(form), 422
    with app.db.write() as session:
        store = session.get_one(Store, the_store().id)
        policy = Policy.model_validate(store.policy).model_copy(
            update={"attribution_days": typed.days, "attribution_opens": typed.opens}
        )
        stores.save_policy(session, store.id, policy, app.clock(), current_admin().id)
    flash("The rules are stored. All orders are looked at again; until then the figures stay as they are.")
    return redirect(url_for("attribution.index"), 303)


@blueprint.get("/progress")
@permission("view")
def progress() -> str:
    """How far a change of the rules has come."""
    with the_app().db.read() as session:
        return render_template("attribution/progress.html", progress=_progress(session))


@blueprint.get("/orders/<int:order_id>")
@permission("view")
def order(order_id: int) -> str:
    """Why an order counts for the mail it counts for, or for none."""
    with the_app().db.read() as session:
        found = explain(session, the_store().id, order_id) or abort(404)
        return render_template("attribution/order.html", it=found, channel_names=CHANNELS, devices=DEVICES)


@blueprint.get("/channels.csv")
@permission("view")
def channels() -> Response:
    """The table by which channels are told, for a spreadsheet."""
    return csv_answer(channel_table(), "channels.csv")


@blueprint.post("/hits/<int:hit_id>/rule")
@permission("edit")
def rule(hit_id: int) -> Response:
    """Rule whether a person or a program made a hit, or take that back."""
    app, ruling = the_app(), request.form.get("ruling", "")
    if ruling not in ("", "person", "machine"):
        raise NotAllowed("A hit is a person's or a machine's.")
    with app.db.write() as session:
        if not hits.rule(session, the_store().id, hit_id, ruling):
            abort(404)
        audit.note(session, current_admin().id, "hit.ruled", str(hit_id), app.clock(), ruling=ruling)
    said = {"person": "as a person's", "machine": "as a program's", "": "by the usual rules again"}[ruling]
    flash(f"It counts {said}. The orders that hang on it are looked at again in a moment.")
    order_id = request.form.get("order_id", "")
    known = order_id.isdecimal() and len(order_id) < 19
    there = url_for("attribution.order", order_id=int(order_id)) if known else url_for("attribution.index")
    return redirect(there, 303)


def channel_table() -> Table:
    """How channels are told, in the order in which the rules are asked."""
    columns = (
        Column("channel", "Channel"),
        Column("medium", "utm_medium is one of"),
        Column("site", "utm_source or the page before is of"),
        Column("host", "Page before on"),
        Column("id", "The link carries"),
        Column("said", "The shop says"),
        Column("has", "There is"),
    )
    words = {"utm": "any utm parameter", "referrer": "a page before", "anything": "anything told of the visit", "": ""}
    rows: list[tuple[Any, ...]] = [
        (
            CHANNELS[r.channel],
            *(", ".join(c.split()) for c in (r.mediums, r.sources, r.hosts, r.ids, r.said)),
            words[r.has],
        )
        for r in RULES
    ]
    return Table(columns, [*rows, (CHANNELS["unknown"], *[""] * 5, "nothing of all that")])
