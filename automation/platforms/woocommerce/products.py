"""What WooCommerce says of products."""

from __future__ import annotations

import html

from automation.changes import Change, ProductChanged
from automation.payload import readable
from automation.platform import News


def product(news: News) -> list[Change]:
    """A product. Its variations have ids only; what they cost is asked for by nobody, the product has the lowest."""
    body, currency = news.body, news.settings.currency
    if body.text("type") == "variation":
        return []
    images = body.parts("images") or []
    price, regular = body.amount("price", currency), body.amount("regular_price", currency)
    counts = body.yes("manage_stock") is True
    stock = body.quantity("stock_quantity") if counts else None
    if stock is None and body.text("stock_status") == "outofstock":
        stock = 0
    state = body.text("status")
    categories = [name for part in body.parts("categories") or () if (name := part.text("name"))]
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=html.unescape(body.text("name", 500) or ""),
            description=readable(body.text("short_description", 50_000) or body.text("description", 50_000)),
            url=body.url("permalink"),
            image_url=images[0].url("src") if images else None,
            category=html.unescape(categories[0]) if categories else None,
            tags=[name for part in body.parts("tags") or () if (name := part.text("name"))],
            price=price,
            compare_at=regular if regular is not None and price is not None and regular > price else None,
            stock=stock,
            state="active" if state in ("publish", None) else "archived" if state == "trash" else "draft",
            created_at=body.moment("date_created_gmt"),
            updated_at=body.moment("date_modified_gmt") or news.at,
        )
    ]
