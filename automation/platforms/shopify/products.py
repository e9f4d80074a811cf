"""What Shopify says of products."""

from __future__ import annotations

from automation.changes import Change, ProductChanged, VariantState
from automation.payload import Part, readable
from automation.platforms.shopify.news import News, tags_of, url_of


def product(news: News) -> list[Change]:
    """A product with its variants."""
    body, images = news.body, news.body.parts("images") or []
    by_id = {part.id("id"): url_of(part, "src") for part in images}
    variants = body.parts("variants")
    state = body.text("status")
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=body.text("title", 500) or "",
            description=readable(body.text("body_html", 50_000)),
            url=news.shop.product_url(body.text("handle", 255)),
            image_url=url_of(body.part("image"), "src") or next(filter(None, by_id.values()), None),
            category=body.text("product_type"),
            vendor=body.text("vendor"),
            tags=tags_of(body),
            state="draft" if state == "draft" else "archived" if state == "archived" else "active",
            variants=None if variants is None else [_variant(news, part, by_id) for part in variants],
            created_at=body.instant("created_at"),
            updated_at=body.instant("updated_at") or news.at,
        )
    ]


def _variant(news: News, part: Part, images: dict[str | None, str | None]) -> VariantState:
    external_id, price = part.id("id"), part.amount("price", news.shop.currency)
    if external_id is None or price is None:
        raise part.missing("id" if external_id is None else "price")
    is_counted = part.text("inventory_management") is not None or "inventory_management" not in part.data
    return VariantState(
        external_id=external_id,
        title=part.text("title", 500) or "",
        sku=part.text("sku", 128) or "",
        image_url=images.get(part.id("image_id")) or "",
        price=price,
        compare_at=part.amount("compare_at_price", news.shop.currency),
        stock=part.count("inventory_quantity") if is_counted else None,
    )
