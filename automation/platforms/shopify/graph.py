"""Shopify's objects as its GraphQL API tells them → the bodies of its webhooks, so that one set of readers serves both.

What is not told is left out rather than empty: a field that is missing changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from automation.changes import Change
from automation.payload import Part
from automation.platforms.shopify.news import News, ShopifySettings, said, within

Body = dict[str, Any]
_NOTHING = Part({})


def reader(
    settings: ShopifySettings, body_of: Callable[[Part], Body], translate: Callable[[News], list[Change]]
) -> Callable[[Any], list[Change]]:
    """Reads a node as a webhook's body is read. Raises Unreadable."""
    return lambda node: said(translate, News(Part(body_of(Part.whole(node))), settings, None))


def _told(**values: Any) -> Body:
    return {name: value for name, value in values.items() if value is not None}


def _money(part: Part, name: str) -> Any:
    found = within(part, name, "shopMoney")
    return found.data.get("amount") if found else None


def _nodes(part: Part, name: str) -> list[Part]:
    connection = part.part(name)
    return (connection.parts("nodes") or []) if connection else []


def _lower(part: Part, name: str) -> str | None:
    text = part.text(name)
    return text.lower() if text else None


def _address(part: Part | None) -> Body | None:
    if part is None:
        return None
    names = {"first_name": "firstName", "last_name": "lastName", "province_code": "provinceCode"}
    names |= {"country_code": "countryCodeV2"} | {name: name for name in ("phone", "city", "zip", "province")}
    return _told(**{ours: part.data.get(theirs) for ours, theirs in names.items()})


def customer(node: Part) -> Body:
    """A customer, with tags and consent: only webhooks leave those out."""
    email = node.part("defaultEmailAddress") or _NOTHING
    state = email.text("marketingState")
    consent = {
        "state": state,
        "opt_in_level": _lower(email, "marketingOptInLevel"),
        "consent_updated_at": email.data.get("marketingUpdatedAt"),
    }
    return _told(
        id=node.data.get("id"),
        email=email.data.get("emailAddress"),
        phone=(node.part("defaultPhoneNumber") or _NOTHING).data.get("phoneNumber"),
        first_name=node.data.get("firstName"),
        last_name=node.data.get("lastName"),
        locale=node.data.get("locale"),
        tags=node.data.get("tags"),
        created_at=node.data.get("createdAt"),
        updated_at=node.data.get("updatedAt"),
        default_address=_address(node.part("defaultAddress")),
        email_marketing_consent=consent if state else None,
    )


def _lines(node: Part) -> list[Body]:
    return [
        _told(
            title=line.data.get("title"),
            sku=line.data.get("sku"),
            quantity=line.data.get("quantity"),
            product_id=(line.part("product") or _NOTHING).data.get("id"),
            variant_id=(line.part("variant") or _NOTHING).data.get("id"),
            price=_money(line, "originalUnitPriceSet"),
            total_discount=_money(line, "totalDiscountSet"),
        )
        for line in _nodes(node, "lineItems")
    ]


def _buyer(node: Part) -> Body | None:
    whose = node.part("customer")
    return customer(whose) if whose else None


def checkout(node: Part) -> Body:
    """A checkout that was left. Its cart's token is not told; webhooks join the two by the checkout's id."""
    bag = within(node, "subtotalPriceSet", "shopMoney")
    return _told(
        id=node.data.get("id"),
        customer=_buyer(node),
        currency=bag.data.get("currencyCode") if bag else None,
        abandoned_checkout_url=node.data.get("abandonedCheckoutUrl"),
        billing_address=_address(node.part("billingAddress")),
        created_at=node.data.get("createdAt"),
        updated_at=node.data.get("updatedAt"),
        completed_at=node.data.get("completedAt"),
        line_items=_lines(node),
    )


def order(node: Part) -> Body:
    """An order with its refunds."""
    codes = node.data.get("discountCodes")
    shipping = _money(node, "totalShippingPriceSet")
    return _told(
        id=node.data.get("id"),
        name=node.data.get("name"),
        email=node.data.get("email"),
        customer=_buyer(node),
        customer_locale=node.data.get("customerLocale"),
        currency=node.data.get("currencyCode"),
        total_price=_money(node, "totalPriceSet"),
        subtotal_price=_money(node, "subtotalPriceSet"),
        total_discounts=_money(node, "totalDiscountsSet"),
        total_tax=_money(node, "totalTaxSet"),
        total_shipping_price_set={"shop_money": {"amount": shipping}} if shipping is not None else None,
        financial_status=_lower(node, "displayFinancialStatus"),
        fulfillment_status=_lower(node, "displayFulfillmentStatus"),
        discount_codes=[{"code": code} for code in codes] if isinstance(codes, list) else None,
        billing_address=_address(node.part("billingAddress")),
        created_at=node.data.get("createdAt"),
        processed_at=node.data.get("processedAt"),
        updated_at=node.data.get("updatedAt"),
        cancelled_at=node.data.get("cancelledAt"),
        line_items=_lines(node),
        refunds=[_refund(part) for part in node.parts("refunds") or ()],
    )


def _refund(part: Part) -> Body:
    moved = {"kind": "refund", "status": "success", "amount": _money(part, "totalRefundedSet")}
    return _told(id=part.data.get("id"), created_at=part.data.get("createdAt"), transactions=[moved])


def product(node: Part) -> Body:
    """A product with its variants."""
    picture = within(node, "featuredMedia", "preview", "image")
    variants = [(part, (part.part("image") or _NOTHING).data.get("url")) for part in _nodes(node, "variants")]
    return _told(
        id=node.data.get("id"),
        title=node.data.get("title"),
        handle=node.data.get("handle"),
        body_html=node.data.get("descriptionHtml"),
        vendor=node.data.get("vendor"),
        product_type=node.data.get("productType"),
        status=_lower(node, "status"),
        tags=node.data.get("tags"),
        image=_told(src=picture.data.get("url")) if picture else None,
        images=[{"id": number, "src": url} for number, (_, url) in enumerate(variants, 1) if url],
        variants=[_variant(part, number if url else None) for number, (part, url) in enumerate(variants, 1)],
        created_at=node.data.get("createdAt"),
        updated_at=node.data.get("updatedAt"),
    )


def _variant(part: Part, image: int | None) -> Body:
    is_counted = (part.part("inventoryItem") or _NOTHING).flag("tracked")
    return {
        **_told(
            id=part.data.get("id"),
            title=part.data.get("title"),
            sku=part.data.get("sku"),
            price=part.data.get("price"),
            compare_at_price=part.data.get("compareAtPrice"),
            inventory_quantity=part.data.get("inventoryQuantity"),
            image_id=image,
        ),
        **({"inventory_management": None} if is_counted is False else {}),
    }
