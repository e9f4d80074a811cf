"""Discount codes at Shopify: one discount per offer, and under it codes that are each good once.

A discount's usage limit counts per code. Adding many codes is a job that Shopify does in its own time, so what is
there is looked up by the codes themselves, before and after. https://shopify.dev/docs/apps/build/discounts
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from automation.errors import Later, Refused
from automation.money import decimal_text
from automation.platform import CodeTerms
from automation.platforms.shopify.queries import ADD_CODES, BASIC, DISCOUNT, SHIPPING, whose
from automation.shop_graphql import GraphApi, nodes_of

AT_ONCE = 100
"""Codes in one job; Shopify takes 250."""


def create(graph: GraphApi, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
    """Make these codes; those that are there now, and ours. Raises Later while Shopify is still at it."""
    title = _title(terms)
    owners = _owners(graph, codes)
    missing = [code for code in codes if code not in owners]
    if missing:
        _add(graph, terms, missing)
        owners |= _owners(graph, missing)
    there = [code for code in codes if owners.get(code) == title]
    if not there and any(code not in owners for code in codes):
        raise Later("Shopify is still making the codes.", after=timedelta(minutes=1))
    return there


def _title(terms: CodeTerms) -> str:
    return f"{terms.title[:150]} (Cartwheel {terms.offer_id})"


def _owners(graph: GraphApi, codes: Sequence[str]) -> dict[str, str]:
    """{code: title of its discount} of those that exist."""
    found = graph.find(whose(len(codes)), {f"c{number}": code for number, code in enumerate(codes)})
    nodes = {code: found.get(f"c{number}") for number, code in enumerate(codes)}
    return {code: _title_of(node) for code, node in nodes.items() if isinstance(node, dict)}


def _title_of(node: dict[str, Any]) -> str:
    discount = node.get("codeDiscount")
    return str(discount.get("title") or "") if isinstance(discount, dict) else ""


def _add(graph: GraphApi, terms: CodeTerms, codes: Sequence[str]) -> None:
    discount_id = _discount(graph, terms)
    if discount_id is None:  # a discount is made with its first code
        first, *codes = codes
        discount_id = _make_discount(graph, terms, first)
    if codes:
        given = {"id": discount_id, "codes": [{"code": code} for code in codes]}
        _check(graph.change("discountRedeemCodeBulkAdd", ADD_CODES, given))


def _discount(graph: GraphApi, terms: CodeTerms) -> str | None:
    found = graph.find(DISCOUNT, {"query": f"title:*{terms.offer_id}*"}).get("codeDiscountNodes")
    ours = (n for n in nodes_of(found) if isinstance(n, dict) and _title_of(n) == _title(terms))
    return next((str(node["id"]) for node in ours if node.get("id")), None)


def _make_discount(graph: GraphApi, terms: CodeTerms, code: str) -> str:
    name, document = (
        ("discountCodeFreeShippingCreate", SHIPPING) if terms.kind == "shipping" else ("discountCodeBasicCreate", BASIC)
    )
    said = graph.change(name, document, {"input": _terms(terms, code)})
    _check(said)
    node = said.get("codeDiscountNode")
    if not isinstance(node, dict) or not node.get("id"):
        raise Later("Shopify did not name the discount that it made.")
    return str(node["id"])


def _check(said: dict[str, Any]) -> None:
    problems = said.get("userErrors")
    if problems:
        words = [str(p.get("message")) for p in problems if isinstance(p, dict)] if isinstance(problems, list) else []
        raise Refused(f"Shopify: {'; '.join(words) or 'it did not say why'}"[:500])


def _terms(terms: CodeTerms, code: str) -> dict[str, Any]:
    minimum = {"subtotal": {"greaterThanOrEqualToSubtotal": decimal_text(terms.minimum or 0, terms.currency)}}
    said: dict[str, Any] = {
        "title": _title(terms),
        "code": code,
        "startsAt": f"{terms.starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "endsAt": f"{terms.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if terms.ends_at else None,
        "usageLimit": 1,
        "context": {"all": "ALL"},
        "minimumRequirement": minimum if terms.minimum else None,
    }
    if terms.kind == "shipping":
        return {**said, "destination": {"all": True}}
    amount = {"amount": decimal_text(terms.value, terms.currency), "appliesOnEachItem": False}
    value = {"percentage": terms.value / 100} if terms.kind == "percent" else {"discountAmount": amount}
    return {**said, "customerGets": {"value": value, "items": {"all": True}}}
