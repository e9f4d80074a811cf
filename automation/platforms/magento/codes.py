"""Coupon codes at Magento: one cart price rule per offer, and under it coupons that are each good once.

The rule is one for generated coupons: then each coupon bears the rule's limit of one use, and takes a code of ours.
https://developer.adobe.com/commerce/webapi/rest/tutorials/ · the Magento_SalesRule module's RuleInterface
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from automation.errors import Later, Misconfigured, SendError, Unsure
from automation.money import decimal_text
from automation.platform import CodeTerms
from automation.shop_api import CodeOutcome, CodeTaken, Created, ShopApi, as_list

AT_ONCE = 20
"""Coupons are made one request at a time."""
_CONDITION = "Magento\\SalesRule\\Model\\Rule\\Condition\\"


def rule_for(api: ShopApi, terms: CodeTerms) -> str:
    """The id of the rule that this offer's coupons are under. Raises a SendError."""
    name = f"{terms.title[:150]} (Cartwheel {terms.offer_id})"
    for rule in _found(api, "/salesRules/search", "name", name):
        if rule.get("name") == name and rule.get("rule_id"):
            return str(rule["rule_id"])
    said = api.changed("POST", "/salesRules", {"rule": _rule(api, name, terms)})
    if not isinstance(said, dict) or not said.get("rule_id"):
        raise Unsure("Magento did not name the price rule that it made.")
    return str(said["rule_id"])


def make(api: ShopApi, rule_id: str, codes: Sequence[str]) -> list[CodeOutcome]:
    """Make one coupon."""
    (code,) = codes
    coupon = {
        "rule_id": int(rule_id) if rule_id.isdecimal() else rule_id,
        "code": code,
        "type": 1,  # generated: others are not allowed under this rule
        "usage_limit": 1,
        "times_used": 0,
        "is_primary": False,
    }
    answer = api.send("POST", "/coupons", {"coupon": coupon})
    error = api.failed(answer)
    if error is None:
        said = answer.json()
        return [Created(str(said.get("coupon_id", "")) if isinstance(said, dict) else "")]
    if isinstance(error, Later | Misconfigured):
        raise error
    # Whatever went wrong, the code may be there: from the request whose answer was lost.
    for known in _found(api, "/coupons/search", "code", code):
        if str(known.get("code", "")).lower() == code.lower():
            is_ours = str(known.get("rule_id")) == rule_id
            one: Created | SendError = CodeTaken(f"{code} is a coupon of the shop already.")
            return [Created(str(known.get("coupon_id", ""))) if is_ours else one]
    return [error]


def _found(api: ShopApi, path: str, field: str, value: str) -> list[Mapping[str, Any]]:
    first = "searchCriteria[filter_groups][0][filters][0]"
    criteria = {f"{first}[field]": field, f"{first}[value]": value, "searchCriteria[pageSize]": "5"}
    said = api.find(path, criteria)
    items = as_list((said.get("items") if isinstance(said, dict) else None) or [], path)
    return [item for item in items if isinstance(item, dict)]


def _rule(api: ShopApi, name: str, terms: CodeTerms) -> dict[str, Any]:
    """For everybody in every website: the coupon says who may have it."""
    websites = as_list(api.json(api.get("/store/websites")), "websites")
    groups = api.json(api.get("/customerGroups/search", {"searchCriteria[pageSize]": "200"}))
    action, amount = {
        "percent": ("by_percent", str(terms.value)),
        "amount": ("cart_fixed", decimal_text(terms.value, terms.currency)),
        "shipping": ("by_percent", "0"),
    }[terms.kind]
    rule: dict[str, Any] = {
        "name": name,
        "website_ids": [w["id"] for w in websites if isinstance(w, dict) and w.get("id")],
        "customer_group_ids": [
            g["id"]
            for g in as_list(groups.get("items") if isinstance(groups, dict) else None, "customer groups")
            if isinstance(g, dict) and "id" in g
        ],
        "is_active": True,
        "from_date": f"{terms.starts_at.astimezone(UTC):%Y-%m-%d}",
        "coupon_type": "SPECIFIC_COUPON",
        "use_auto_generation": True,
        "uses_per_coupon": 1,
        "uses_per_customer": 0,
        "simple_action": action,
        "discount_amount": float(amount),
        "discount_step": 0,
        "stop_rules_processing": False,
        "apply_to_shipping": False,
        "simple_free_shipping": "FREE_WITH_MATCHING_ITEMS" if terms.kind == "shipping" else "NONE",
    }
    if terms.ends_at is not None:  # a day, and valid until its end
        rule["to_date"] = f"{terms.ends_at.astimezone(UTC):%Y-%m-%d}"
    if terms.minimum:
        least = {
            "condition_type": f"{_CONDITION}Address",
            "attribute_name": "base_subtotal",
            "operator": ">=",
            "value": decimal_text(terms.minimum, terms.currency),
        }
        rule["condition"] = {
            "condition_type": f"{_CONDITION}Combine",
            "aggregator_type": "all",
            "operator": None,
            "value": "1",
            "conditions": [least],
        }
    return rule
