"""Promotion codes at Stripe: one coupon per offer, and under it codes that may each be redeemed once.

A repeated request with the same key is answered as the first was, for a day; after that a code that exists is looked
up. https://docs.stripe.com/api/promotion_codes · https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from automation.errors import Refused, SendError, Unsure
from automation.http_answers import Answer, ask
from automation.platform import CodeTerms
from automation.shop_api import CodeOutcome, CodeTaken, Created, ShopApi, as_list

VERSION = "2024-06-20"
"""Later versions write a promotion code's coupon elsewhere."""
AT_ONCE = 20
"""Codes are made one request at a time."""


def pinned(api: ShopApi) -> ShopApi:
    """The same API, whatever version the account is set to."""
    return replace(api, headers={**api.headers, "Stripe-Version": VERSION})


def coupon_for(api: ShopApi, terms: CodeTerms) -> str:
    """The id of the coupon that this offer's codes are under. Raises Refused for free shipping."""
    if terms.kind == "shipping":
        raise Refused("Stripe has no coupons for shipping; choose a percentage or an amount.")
    coupon_id = f"cartwheel-{terms.offer_id}"
    if api.find(f"/coupons/{coupon_id}") is not None:
        return coupon_id
    worth = {"percent_off": str(terms.value)}
    if terms.kind == "amount":
        worth = {"amount_off": str(terms.value), "currency": terms.currency.lower()}
    answer = _post(api, "/coupons", {"id": coupon_id, "name": terms.title[:40], "duration": "once", **worth})
    error = api.failed(answer)
    # It may have been made by the request whose answer was lost.
    if error is not None and _code(answer) != "resource_already_exists":
        raise error
    return coupon_id


def make(api: ShopApi, coupon_id: str, terms: CodeTerms, codes: Sequence[str]) -> list[CodeOutcome]:
    """Make one promotion code."""
    (code,) = codes
    given = {"coupon": coupon_id, "code": code, "max_redemptions": "1"}
    if terms.ends_at is not None:
        given["expires_at"] = str(int(terms.ends_at.timestamp()))
    if terms.minimum:
        given["restrictions[minimum_amount]"] = str(terms.minimum)
        given["restrictions[minimum_amount_currency]"] = terms.currency.lower()
    answer = _post(api, "/promotion_codes", given)
    error = api.failed(answer)
    if error is None:
        said = answer.json()
        if not isinstance(said, dict) or not said.get("id"):
            return [Unsure("Stripe did not name the promotion code that it made.")]
        return [Created(str(said["id"]))]
    if isinstance(error, Refused):
        said = api.find("/promotion_codes", {"code": code, "active": "true"})
        for known in as_list((said.get("data") if isinstance(said, dict) else None) or [], "promotion codes"):
            taken: Created | SendError = CodeTaken(f"{code} is a code of the shop already.")
            is_ours = isinstance(known, dict) and _coupon_of(known) == coupon_id
            return [Created(str(known.get("id", ""))) if is_ours else taken]
        return [error]
    raise error


def _coupon_of(code: Mapping[str, Any]) -> Any:
    coupon = code.get("coupon")
    return coupon.get("id") if isinstance(coupon, dict) else coupon


def _post(api: ShopApi, path: str, given: Mapping[str, str]) -> Answer:
    """Stripe takes forms. Raises Later, Misconfigured or Unsure without an answer."""
    body = urlencode(given).encode()
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "Idempotency-Key": f"cartwheel-{hashlib.sha256(path.encode() + b' ' + body).hexdigest()}",
        **api.headers,
    }
    return ask(api.http, "POST", api.root + path, headers=headers, content=body)


def _code(answer: Answer) -> str:
    error = answer.error().get("error")
    return str(error.get("code") or "") if isinstance(error, dict) else ""
