"""What every platform keeps to: what it says it can, it does, and what webhooks missed is asked for by its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from automation.discovery import implementations
from automation.errors import Later, SendError
from automation.platform import Platform, can
from tests.conftest import NOW, Net

SETTINGS: dict[str, dict[str, Any]] = {
    "api": {},
    "bigcommerce": {"store_hash": "abc123", "access_token": "tok"},
    "magento": {"shop_url": "https://shop.example.com", "access_token": "tok"},
    "medusa": {"backend_url": "https://shop.example.com", "api_key": "sk_1"},
    "prestashop": {"shop_url": "https://shop.example.com", "webservice_key": "KEY"},
    "saleor": {"api_url": "https://shop.example.com/graphql/", "app_token": "tok"},
    "shopify": {"secret": "shh", "access_token": "tok", "shop_domain": "wren.myshopify.com"},
    "stripe": {"signing_secret": "whsec_secret", "api_key": "rk_1"},
    "woocommerce": {"shop_url": "https://shop.example.com", "consumer_key": "ck", "consumer_secret": "cs"},
}
"""Kind → what it takes to be asked."""
HOOK = "https://mail.example.com/hooks/abc"
ASKED = sorted(SETTINGS.keys() - {"api"})
SUBSCRIBED = ["bigcommerce", "saleor", "shopify", "woocommerce"]
"""Those that can be told where to send their webhooks; the others are polled, or told by hand."""
MAKERS = ["bigcommerce", "magento", "saleor", "shopify", "stripe", "woocommerce"]
SINCE = NOW - timedelta(days=5)
KINDS = implementations("automation.platforms", Platform)  # type: ignore[type-abstract]  # it is what they share


def platform(kind: str, net: Net, **other: Any) -> Platform:
    cls = KINDS[kind]
    return cls(cls.Settings.model_validate({**SETTINGS[kind], **other}), net.client())


def test_every_platform_is_held_to_the_contract() -> None:
    assert set(KINDS) == set(SETTINGS)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_it_says_in_its_help_what_it_can(kind: str, net: Net) -> None:
    there = platform(kind, net)
    assert can(there, "pull") == (kind in ASKED)
    assert can(there, "subscribe") == (kind in SUBSCRIBED)
    assert (there.code_batch > 0) == (kind in MAKERS)
    told = " ".join((KINDS[kind].__doc__ or "").split())
    assert len(told) > 100
    assert (kind not in MAKERS) or "code" in told or "coupon" in told


@pytest.mark.parametrize("kind", ASKED)
def test_what_webhooks_missed_is_asked_for_by_its_time(kind: str, net: Net) -> None:
    """Five days away, then the first page of every list; a shop may leave a list out that it has no filter for."""
    with pytest.raises(SendError):
        platform(kind, net).pull(SINCE, None)
    (asked,) = net.requests
    words = f"{asked.url} {asked.content.decode()}"
    assert any(day in words for day in ("2026-03-05", str(int(SINCE.timestamp()))))


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_shop_in_trouble_is_asked_later(kind: str, status: int, net: Net) -> None:
    net.answer = lambda _: httpx.Response(status, headers={"Retry-After": "7"})
    with pytest.raises(Later) as error:
        platform(kind, net).pull(None, None)
    if status in {429, 503}:
        assert error.value.after == timedelta(seconds=7)


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b"[]", b"{}", b'"x"', b"null", b"[[1]]"])
def test_an_answer_that_is_none_breaks_nothing(kind: str, body: bytes, net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, content=body)
    try:
        page = platform(kind, net).pull(None, None)
    except SendError as error:
        assert str(error)  # noqa: PT017  either will do
    else:
        assert page.changes == []


@pytest.mark.parametrize("kind", SUBSCRIBED)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"data": null}', b'{"data": {"app": {}}}'])
def test_a_subscription_that_is_not_confirmed_is_none(kind: str, body: bytes, net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        is_change = request.method != "GET" and b"mutation" not in request.content and kind not in {"saleor", "shopify"}
        return httpx.Response(403 if is_change else 200, content=body)

    net.answer = answer
    with pytest.raises(SendError):
        platform(kind, net).subscribe(HOOK)
