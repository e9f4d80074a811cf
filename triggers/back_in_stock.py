"""What a customer waits for can be had again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, FromClause, String, and_, cast, exists, func, literal, or_, select

from automation.goods import bought, is_there
from automation.models import Event, Product
from automation.properties import number
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_events = table_of(Event).c
_wish, _came = (table_of(Event).alias(name) for name in ("wish", "came"))
_products = table_of(Product).c

_WISH = "product.stock_wanted"
_OF_PRODUCT = ("product.back_in_stock", "product.restocked")
_OF_VARIANT = ("variant.back_in_stock", "variant.restocked")


class BackInStockSettings(TriggerSettings):
    """How many are told, and of what."""

    per_unit: float = Field(
        5, gt=0, le=1000, description="Customers told per piece in stock, the longest waiting first."
    )
    least: int = Field(1, ge=1, le=100_000, description="Nobody is told while there are fewer pieces than this.")
    waits_days: int = Field(180, ge=1, le=1825, description="A wish older than this is over.")


class BackInStock(Trigger):
    """Starts for customers who asked to be told, when the product or the variant they want is there again.

    The storefront tells a wish as the event `product.stock_wanted` with the shop's `product_id`, and with
    `variant_id` for one size or colour. Places are rationed: so many customers per piece that came in, the longest
    waiting first, so that a mail is not an invitation to an empty shelf. Who was left out stays in line for the next
    delivery. Who has bought it since is out of the line, and before each mail the stock is looked at again.
    """

    label = "Back in stock"
    Settings = BackInStockSettings
    subject = "event"
    nothing = "nothing that they wait for came in"
    not_kept = ("Stock is taken as it is today when it is asked for before each mail.",)
    remembers = True
    replay_span = timedelta(hours=6)

    def occurrences(
        self, settings: BackInStockSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        now = window.now
        table, entry = table_of(Event), dict[str, ColumnElement[bool]]()
        source: FromClause = table
        at = _events.at
        if anchor is None:
            line = _line(settings, window)
            source = table.join(line, line.c.wish_id == _events.id)
            at = line.c.at
            entry["there was a place for them in the line"] = line.c.place <= line.c.stock * settings.per_unit
        return Occurrences(
            source=source.join(table_of(Product), _products.id == _events.product_id),
            store_id=_events.store_id,
            customer_id=_events.customer_id,
            key=cast(_events.id, String()),
            at=at,
            subject_id=_events.id,
            within=_events.name == _WISH,
            conditions={
                "it is still in stock": is_there(least=settings.least),
                "the customer has not bought it since": ~bought(
                    _events.customer_id, _events.product_id, _events.at, now
                ),
            },
            entry=entry,
        )


def _line(settings: BackInStockSettings, window: Window) -> Any:
    """Everybody who waited when something came in within the window, with their place in that line.

    The line is the same at every sweep: it holds whoever waited at that instant and was not told of an earlier
    delivery, also those who have been told of this one meanwhile.
    """
    wish, came = _wish.c, _came.c
    told, is_ours = window.enrolments()
    stock = number(came.properties, "stock")
    wanted, what = (e.properties["variant_id"].as_string() for e in (wish, came))
    is_same = or_(and_(came.name.in_(_OF_PRODUCT), wanted.is_(None)), and_(came.name.in_(_OF_VARIANT), wanted == what))
    was_told = exists(
        select(1).where(
            is_ours,
            told.customer_id == wish.customer_id,
            told.key == cast(wish.id, String()),
            told.anchor_at < came.at,
        )
    )
    waiting = (
        select(
            came.id.label("came_id"),
            func.max(came.at).label("at"),
            func.max(stock).label("stock"),
            func.min(wish.id).label("wish_id"),
            func.min(wish.at).label("since"),
        )
        .select_from(_came)
        .join(_wish, and_(wish.product_id == came.product_id, wish.store_id == came.store_id))
        .where(
            came.store_id == window.store_id,
            came.name.in_((*_OF_PRODUCT, *_OF_VARIANT)),
            came.at > window.since,
            came.at <= window.until,
            stock >= settings.least,
            wish.name == _WISH,
            wish.customer_id.is_not(None),
            wish.at <= came.at,
            wish.at > later(came.at, literal(-float(settings.waits_days))),
            is_same,
            ~was_told,
            ~bought(wish.customer_id, wish.product_id, wish.at, came.at),
        )
        # Who asked twice waits once.
        .group_by(came.id, wish.customer_id)
        .subquery("waiting")
    )
    order = (waiting.c.since, waiting.c.wish_id)
    place = func.row_number().over(partition_by=waiting.c.came_id, order_by=order)
    return select(waiting, place.label("place")).subquery("line")
