"""Who writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automation.models import Message, Store
from automation.rendering.value import Batch, Value


class StoreValue(Value):
    """The store: name, url, postal_address, reply_to, currency, locale, and `brand` with its colours and fonts."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        del messages
        found = {store.id: _value(store) for store in batch.stores.values()}
        return lambda m: found[m.store_id]


def _value(store: Store) -> dict[str, Any]:
    return {
        "name": store.name,
        "url": store.url,
        "postal_address": store.postal_address,
        "reply_to": store.reply_to or store.sender_email,
        "currency": store.currency,
        "locale": store.locale,
        "brand": store.brand,
    }
