"""Adobe Commerce and Magento: events that Adobe I/O delivers, and the REST API, which the open source has alone.

An event's value holds the model's own fields, the REST API nearly the same under nearly the same names; so one set
of readers serves both. Instants are written without offset and in UTC.
https://developer.adobe.com/commerce/extensibility/events/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from automation.changes import Change, CustomerDeleted, ProductDeleted
from automation.errors import BadSignature, Misconfigured, Unreadable
from automation.http_answers import ask
from automation.payload import Part
from automation.platform import CodeTerms, Envelope, News, Page, Platform, Reader, Request, read_json, translated
from automation.platforms.magento import codes as codes_
from automation.platforms.magento.models import customer, id_of, of, order, product, quote, subscriber
from automation.platforms.magento.settings import MagentoSettings, read_key
from automation.security import same
from automation.shop_api import Leaf, ShopApi, Turn, as_list, counted, made, object_reader, walk

KEYS = "https://static.adobeioevents.com"
"""Where Adobe's public keys lie; a webhook says under which path."""
SIZE = 100
_KEY_PATH = re.compile(r"/[a-z]{1,20}/keys/[A-Za-z0-9_-]{1,100}\.pem")
_TOPIC = re.compile(r"(observer|plugin)\.[a-z0-9_.]{1,110}")

TOPICS: dict[str, Reader] = {
    "observer.sales_order_place_after": order,
    "observer.sales_order_save_after": order,
    "observer.sales_order_save_commit_after": order,
    "observer.checkout_submit_all_after": order,
    "observer.sales_quote_save_after": quote,
    "observer.sales_quote_save_commit_after": quote,
    "observer.customer_register_success": customer,
    "observer.customer_login": customer,
    "observer.customer_save_after": customer,
    "observer.customer_save_commit_after": customer,
    "observer.customer_delete_commit_after": lambda n: [
        CustomerDeleted(external_id=id_of(of(n.body, "customer"), "id", "entity_id"))
    ],
    "observer.newsletter_subscriber_save_commit_after": subscriber,
    "observer.catalog_product_save_after": product,
    "observer.catalog_product_save_commit_after": product,
    "observer.catalog_product_delete_commit_after": lambda n: [
        ProductDeleted(external_id=id_of(of(n.body, "product"), "id", "entity_id"))
    ],
}
"""Their event, without com.adobe.commerce., → what reads its value."""


class Magento(Platform):
    """Magento and Adobe Commerce are asked for customers, carts, orders and products every ten minutes.

    In the shop's admin, open System → Extensions → Integrations, add one that may read Sales, Carts, Customers and
    Catalog, activate it and enter its access token here. Since version 2.4.4 the setting "Allow OAuth Access Tokens
    to be used as standalone Bearer tokens" (Stores → Configuration → Services → OAuth) must be on.

    Adobe Commerce can also send events: register this connection's address as a webhook of your project in Adobe's
    developer console and enter the project's client ID here.

    With a token that may also write Marketing → Cart Price Rules and read Stores and Customer Groups, Cartwheel makes
    coupons, each good once. An offer that ends within a day ends with that day: price rules know no hours.
    """

    label: ClassVar[str] = "Magento / Adobe Commerce"
    Settings: ClassVar[type[MagentoSettings]] = MagentoSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    reconciled_every: ClassVar[timedelta] = timedelta(minutes=10)
    code_batch: ClassVar[int] = codes_.AT_ONCE

    def __init__(self, settings: Any, http: Any) -> None:
        super().__init__(settings, http)
        self._keys: dict[str, RSAPublicKey] = {}

    def challenge(self, request: Request) -> str | None:
        asked = request.query.get("challenge", "")
        return asked if re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,256}", asked) else None

    def open(self, request: Request, now: datetime) -> Envelope:
        self._verify(request)
        body = Part.whole(read_json(request.body))
        event = body.part("event") or Part({})
        named = " ".join(
            str(found)
            for found in (body.data.get("type"), event.data.get("type"), request.headers.get("ce-type", ""))
            if found
        )
        topic = _TOPIC.search(named)
        if topic is None:
            raise Unreadable("type is missing; it names the event, such as com.adobe.commerce.observer.customer_login.")
        told = body.id("event_id") or body.id("id") or request.headers.get("ce-id", "")
        digest = hashlib.sha256(request.body).hexdigest()
        return Envelope(told[:128] or digest, topic.group(0)[:128], request.body, body.moment("time") or now)

    def _verify(self, request: Request) -> None:
        headers = request.headers
        given = headers.get("x-adobe-commerce-webhook-signature")
        if given is not None and self.settings.public_key:
            if not _is_signed(read_key(self.settings.public_key), given, base64.b64encode(request.body)):
                raise BadSignature
            return
        client_id = self.settings.client_id
        if client_id is None or not client_id.get_secret_value():
            raise BadSignature("This connection takes no events: it has neither a client ID nor a public key.")
        if not any(self._is_adobes(request, number) for number in ("1", "2")):
            raise BadSignature
        # Adobe signs for all its customers with the same keys.
        whose = Part.whole(read_json(request.body)).text("recipient_client_id") or ""
        if not same(whose, client_id.get_secret_value()):
            raise BadSignature("This event is for another project.")

    def _is_adobes(self, request: Request, number: str) -> bool:
        given = request.headers.get(f"x-adobe-digital-signature-{number}", "")
        path = request.headers.get(f"x-adobe-public-key{number}-path", "")
        if not given or not _KEY_PATH.fullmatch(path):
            return False
        key = self._keys.get(path)
        if key is None:
            answer = ask(self.http, "GET", KEYS + path, headers={})
            try:
                key = read_key(answer.body.decode("ascii", "replace")) if answer.is_success else None
            except ValueError:
                key = None
            if key is None:
                return False
            self._keys[path] = key
        return _is_signed(key, given, request.body)

    def translate(self, envelope: Envelope) -> list[Change]:
        body = Part.whole(read_json(envelope.body))
        data = (body.part("event") or body).part("data") or body
        value = data.part("value") or data
        return translated(TOPICS, envelope.topic, News(value, self.settings, envelope.triggered_at))

    @property
    def has_api(self) -> bool:
        return self.settings.access_token is not None

    @property
    def _api(self) -> ShopApi:
        if self.settings.access_token is None:
            raise Misconfigured("The access token of Magento's integration is missing.")
        headers = {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        root = f"{self.settings.shop_url}/rest/{self.settings.store_view}/V1"
        return ShopApi(self.http, root, headers, self.label)

    def check(self) -> str:
        found = self._api.find("/orders", _search(None, 1, 1))
        total = found.get("total_count") if isinstance(found, dict) else None
        return f"Magento knows this token: {total if isinstance(total, int) else 'some'} orders."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        lists: dict[str, Turn] = {
            "products": partial(self._list, "/products", product),
            "customers": partial(self._list, "/customers/search", customer),
            "carts": partial(self._list, "/carts/search", quote),
            "orders": partial(self._list, "/orders", order),
        }
        return walk(lists, since, cursor)

    def _list(self, path: str, read: Reader, since: datetime | None, cursor: str | None) -> Leaf:
        page = int(cursor or "1")
        said = self._api.json(self._api.get(path, _search(since, page, SIZE)))
        found = said if isinstance(said, dict) else {}
        items = as_list(found.get("items") or [], path)
        total = found.get("total_count")
        # Beyond its end a list answers with its last page, again and again.
        is_last = page * SIZE >= total if isinstance(total, int) else len(items) < SIZE
        done = counted(SIZE, page, total if isinstance(total, int) else None)
        return Leaf(items, object_reader(self.settings, read), None if is_last else str(page + 1), done)

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        api = self._api
        return made(codes, 1, partial(codes_.make, api, codes_.rule_for(api, terms)))


def _search(since: datetime | None, page: int, size: int) -> Mapping[str, str]:
    first = "searchCriteria[filter_groups][0][filters][0]"
    changed = {
        f"{first}[field]": "updated_at",
        f"{first}[condition_type]": "gteq",
        f"{first}[value]": f"{since:%Y-%m-%d %H:%M:%S}" if since else "",
    }
    return {
        **(changed if since else {}),
        "searchCriteria[sortOrders][0][field]": "entity_id",
        "searchCriteria[sortOrders][0][direction]": "ASC",
        "searchCriteria[pageSize]": str(size),
        "searchCriteria[currentPage]": str(page),
    }


def _is_signed(key: RSAPublicKey, given: str, data: bytes) -> bool:
    try:
        key.verify(base64.b64decode(given, validate=True), data, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
