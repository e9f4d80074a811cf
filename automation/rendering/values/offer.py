"""The offer that a mail's run holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import Message, Offer, OfferCode
from automation.offers.holding import LIVE
from automation.offers.terms import last_day
from automation.rendering.value import Batch, Value

NONE: dict[str, Any] = {
    "code": "",
    "label": "",
    "kind": "",
    "value": 0,
    "minimum": None,
    "currency": "",
    "expires_on": "",
}


class OfferValue(Value):
    """The offer that the flow's offer step gave: code, label, kind, value, minimum, currency and expires_on, the last
    day on which the code is good. Without one, the code is empty.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        ids = {m.enrolment_id for m in messages if m.enrolment_id}
        found: dict[int | None, dict[str, Any]] = {}
        if ids:
            rows = batch.session.execute(
                select(OfferCode, Offer)
                .join(Offer, Offer.id == OfferCode.offer_id)
                .where(OfferCode.enrolment_id.in_(ids), OfferCode.state.in_(LIVE))
                .order_by(OfferCode.issued_at, OfferCode.id)
            )
            for code, offer in rows:
                if code.expires_at is None or code.expires_at > batch.now:
                    found[code.enrolment_id] = {
                        "code": code.code,
                        "label": offer.label,
                        "kind": offer.kind,
                        "value": offer.value,
                        "minimum": offer.minimum,
                        "currency": offer.currency,
                        "expires_on": last_day(code.expires_at, batch.stores[offer.store_id].timezone) or "",
                    }
        return lambda m: found.get(m.enrolment_id, NONE)
