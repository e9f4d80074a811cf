"""Asking a Shopify shop: all there is, what webhooks missed, and which webhooks to send where."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

import httpx

from automation.changes import Change
from automation.errors import Later, Misconfigured, Refused, SendError
from automation.http_answers import LONGEST_WAIT
from automation.payload import Part
from automation.platform import Page
from automation.platforms.shopify import graph as bodies
from automation.platforms.shopify import queries
from automation.platforms.shopify.news import News, ShopifySettings
from automation.platforms.shopify.people import customer
from automation.platforms.shopify.products import product
from automation.platforms.shopify.sales import checkout, order
from automation.shop_api import Leaf, ShopApi, Turn, walk
from automation.shop_graphql import GraphApi, Problem, leaf, nodes_of, place

_HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com")
BY_LAW = frozenset({"customers/data_request", "customers/redact", "shop/redact"})
"""Topics that an app subscribes to in its own configuration, not by its API."""


def api_of(settings: ShopifySettings, http: httpx.Client) -> GraphApi:
    """The shop's API. Raises Misconfigured without what it takes."""
    if settings.access_token is None:
        raise Misconfigured("The access token of Shopify's Admin API is missing.")
    if not _HOST.fullmatch(settings.shop_domain):
        raise Misconfigured("Enter the shop's own address, such as wren.myshopify.com: its API is only there.")
    root = f"https://{settings.shop_domain}/admin/api/{settings.api_version}"
    headers = {"X-Shopify-Access-Token": settings.access_token.get_secret_value()}
    return GraphApi(ShopApi(http, root, headers, "Shopify", _words), _judge, "/graphql.json")


def _words(said: Mapping[str, Any]) -> str:
    return str(said.get("errors") or said.get("error") or "")


def _judge(problem: Problem, extensions: Mapping[str, Any]) -> SendError | None:
    more = problem.get("extensions")
    code = more.get("code") if isinstance(more, dict) else None
    message = str(problem.get("message") or code or "")[:400]
    match code:
        case "THROTTLED":
            return Later(f"Shopify: {message}", after=_pause(extensions), code="THROTTLED")
        case "INTERNAL_SERVER_ERROR" | "TIMEOUT":
            return Later(f"Shopify: {message}", code=str(code))
        case "ACCESS_DENIED" | "SHOP_INACTIVE":
            return Misconfigured(f"Shopify: {message}", code=str(code))
    return None


def _pause(extensions: Mapping[str, Any]) -> timedelta:
    """How long until the bucket holds what the query costs: it fills at a steady rate of points a second."""
    cost = extensions.get("cost")
    status = cost.get("throttleStatus") if isinstance(cost, dict) else None
    try:
        lacking = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])  # type: ignore[index]  # caught below
        seconds = ceil(lacking / float(status["restoreRate"]))  # type: ignore[index]  # as above
        return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), LONGEST_WAIT)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return timedelta(seconds=20)


def check(api: GraphApi) -> str:
    """A sentence about the shop that this token opens."""
    shop = api.find(queries.SHOP).get("shop")
    name = shop.get("name") if isinstance(shop, dict) else None
    return f"Shopify knows this token: {name or 'a shop without a name'}."


def pull(api: GraphApi, settings: ShopifySettings, since: datetime | None, cursor: str | None) -> Page:
    """Products, customers, checkouts that were left, and orders."""
    lists: dict[str, Turn] = {
        "products": partial(_list, api, settings, queries.PRODUCTS, bodies.product, product),
        "customers": partial(_list, api, settings, queries.CUSTOMERS, bodies.customer, customer),
        "checkouts": partial(_list, api, settings, queries.CHECKOUTS, bodies.checkout, checkout),
        "orders": partial(_list, api, settings, queries.ORDERS, bodies.order, order),
    }
    return walk(lists, since, cursor)


_REST = {"variants": queries.VARIANTS, "lineItems": queries.LINES}
"""Connections within an object that may go on beyond their first page → what asks for the rest."""


def _list(
    api: GraphApi,
    settings: ShopifySettings,
    document: str,
    body_of: Callable[[Part], dict[str, Any]],
    translate: Callable[[News], list[Change]],
    since: datetime | None,
    cursor: str | None,
) -> Leaf:
    query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'" if since else None
    data = api.find(document, {"after": place(cursor)[1], "query": query})
    total = data.get("total")
    found = leaf(
        data.get("found"),
        bodies.reader(settings, body_of, translate),
        cursor,
        total.get("count") if isinstance(total, dict) else None,
    )
    return Leaf([_whole(api, item) for item in found.items], found.read, found.next, found.done)


def _whole(api: GraphApi, item: Any) -> Any:
    """An object with all its variants or lines, as far as one more query brings them."""
    for name, document in _REST.items():
        inner = item.get(name) if isinstance(item, dict) else None
        page = inner.get("pageInfo") if isinstance(inner, dict) else None
        if (
            not isinstance(page, dict)
            or page.get("hasNextPage") is not True
            or "AbandonedCheckout" in str(item.get("id"))
        ):
            continue
        found = api.find(document, {"id": item.get("id")}).get("found")
        rest = found.get("rest") if isinstance(found, dict) else None
        if rest is not None:
            item = {**item, name: rest}
    return item


def subscribe(api: GraphApi, topics: Collection[str], url: str) -> str:
    """Have the topics sent to `url`. Raises Refused when the shop takes none of them."""
    wanted = {
        topic.replace("/", "_").replace(".", "_").upper(): topic for topic in sorted(topics) if topic not in BY_LAW
    }
    known = nodes_of(api.find(queries.SUBSCRIPTIONS).get("webhookSubscriptions"))
    there = {n.get("topic") for n in known if isinstance(n, dict) and n.get("uri") == url} & wanted.keys()
    added, refused = 0, []
    for name in sorted(wanted.keys() - there):
        try:
            said = api.change("webhookSubscriptionCreate", queries.SUBSCRIBE, {"topic": name, "uri": url})
            problems = said.get("userErrors")
        except Refused as error:
            problems = str(error)
        # A token without the scope for a topic is told so, and the other topics are of use all the same.
        if problems:
            refused.append(wanted[name])
        else:
            added += 1
    if refused and not there and not added:
        raise Refused(
            f"Shopify takes none of the webhooks; may the token read orders, customers and products? {problems}"
        )
    without = f" Not allowed: {', '.join(sorted(refused))}." if refused else ""
    return f"{len(there) + added} webhooks send here; {added} of them are new.{without}"
