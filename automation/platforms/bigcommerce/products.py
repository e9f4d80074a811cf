"""What BigCommerce says of products."""

from __future__ import annotations

from automation.changes import Change, ProductChanged, VariantState
from automation.payload import Part, readable
from automation.platform import News


def product(news: News) -> list[Change]:
    """A product with its variants."""
    body, currency = news.body, news.settings.currency
    images = body.parts("images") or []
    chosen = body.part("primary_image") or next((i for i in images if i.yes("is_thumbnail")), None) or Part({})
    tracking = body.text("inventory_tracking")
    variants = body.parts("variants")
    is_sold = body.yes("is_visible") is not False and body.text("availability") != "disabled"
    price = body.amount("calculated_price", currency) or body.amount("price", currency)
    usual = max((body.amount(n, currency) or 0 for n in ("retail_price", "price")), default=0)
    stock = body.quantity("inventory_level") if tracking in ("product", "simple") else None
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=body.text("name", 500) or "",
            description=readable(body.text("description", 50_000)),
            url=_url(news),
            image_url=chosen.url("url_standard") or chosen.url("image_url"),
            price=price,
            compare_at=usual if price is not None and usual > price else None,
            cost=body.amount("cost_price", currency) or None,
            stock=stock,
            state="active" if is_sold else "draft",
            variants=None
            if variants is None
            else [_variant(part, currency, price, is_counted=tracking == "variant") for part in variants],
            created_at=body.moment("date_created"),
            updated_at=body.moment("date_modified") or news.at,
        )
    ]


def _url(news: News) -> str | None:
    path = (news.body.part("custom_url") or Part({})).text("url", 1000)
    root = str(news.settings.shop_url).rstrip("/")
    return f"{root}{path}" if path and root.startswith("https://") and path.startswith("/") else None


def _variant(part: Part, currency: str, price: int | None, *, is_counted: bool) -> VariantState:
    external_id = part.id("id")
    if external_id is None:
        raise part.missing("id")
    own = part.amount("calculated_price", currency) or part.amount("price", currency)
    labels = [text for option in part.parts("option_values") or () if (text := option.text("label"))]
    return VariantState(
        external_id=external_id,
        title=" / ".join(labels)[:500],
        sku=part.text("sku", 128) or "",
        image_url=part.url("image_url") or "",
        price=own if own is not None else price or 0,
        stock=part.quantity("inventory_level") if is_counted else None,
    )
