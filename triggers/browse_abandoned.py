"""A product was looked at, and nothing came of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, exists, literal, select

from automation.goods import Goods, began_cart, bought, is_there, ordered
from automation.models import Event, Product
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_events = table_of(Event).c
_later_look = table_of(Event).alias("later_look").c
_products = table_of(Product).c

_LOOK = "product.viewed"


class BrowseAbandonedSettings(TriggerSettings):
    """When a look at a product counts as left."""

    idle_minutes: int = Field(60, ge=1, le=10080, description="Minutes since the look.")
    which: Goods = Field(default_factory=Goods, description="Only these products; empty means any.")
    not_bought_days: int = Field(
        30, ge=0, le=3650, description="Not if the customer bought the very product in the days before."
    )


class BrowseAbandoned(Trigger):
    """Starts when a known customer looks at a product and goes away.

    The shop or the storefront snippet tells a look as the event `product.viewed` with the shop's `product_id`. A
    stronger intent pulls the customer out: as soon as there is something in a cart, or an order, since the look, no
    further mail of this campaign goes out. Of several looks the last one counts, and the hour runs from it; a
    cool-down keeps a customer who looks around every evening from a mail every evening.
    """

    label = "Product looked at"
    Settings = BrowseAbandonedSettings
    subject = "event"
    nothing = "no product was looked at"
    not_kept = ("Stock is taken as it is today.",)

    def occurrences(
        self, settings: BrowseAbandonedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        idle = timedelta(minutes=settings.idle_minutes)
        looked = window.earlier(idle)
        since = _events.at if anchor is None else anchor
        now = window.now
        who = _events.customer_id
        return Occurrences(
            source=table_of(Event).join(table_of(Product), _products.id == _events.product_id),
            store_id=_events.store_id,
            customer_id=who,
            key=cast(_events.id, String()),
            at=_events.at,
            delay=idle,
            subject_id=_events.id,
            within=(_events.name == _LOOK) & (_events.at > looked.since) & (_events.at <= looked.until),
            conditions={
                "no cart was begun since": ~began_cart(who, since, window),
                "no order was placed since": ~ordered(who, since, now),
                "the product can still be bought": is_there(),
            },
            entry={
                "the product is one of those meant": settings.which.match(),
                "the customer has not looked at anything since": ~exists(
                    select(1).where(
                        _later_look.customer_id == who,
                        _later_look.name == _LOOK,
                        _later_look.at > _events.at,
                        _later_look.at <= now,
                    )
                ),
                "the customer had not bought it lately": ~bought(
                    who, _products.id, later(_events.at, literal(-float(settings.not_bought_days))), now
                ),
            },
        )
