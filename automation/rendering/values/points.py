"""Where a customer stands in the loyalty programme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.loyalty import ledger, programme
from automation.loyalty.ledger import NOTHING
from automation.models import LoyaltyAccount, Message
from automation.rendering.value import Batch, Value
from automation.times import local_date


class PointsValue(Value):
    """The customer's points: balance, expires_on (when points expire next), tier, next_tier and to_next_tier (what is
    still to be spent for it, in minor units of the store's currency).
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        customers = {m.customer_id for m in messages}
        standings = ledger.standings(batch.session, customers, batch.now)
        rows = batch.session.execute(
            select(LoyaltyAccount.customer_id, LoyaltyAccount.tier, LoyaltyAccount.rank, LoyaltyAccount.spend).where(
                LoyaltyAccount.customer_id.in_(customers)
            )
        )
        accounts = {row.customer_id: row for row in rows}
        rules = {store_id: programme.of(store) for store_id, store in batch.stores.items()}

        def points(m: Message) -> dict[str, Any]:
            found, account = standings.get(m.customer_id, NOTHING), accounts.get(m.customer_id)
            ahead = rules[m.store_id].tier_at((account.rank if account else 0) + 1)
            expires_at = found.next_expiry_at if found.available else None
            return {
                "balance": found.available,
                "expires_on": local_date(expires_at, batch.zone(m)).isoformat() if expires_at else "",
                "tier": account.tier if account else "",
                "next_tier": ahead.name if ahead else "",
                "to_next_tier": max(0, ahead.spend - (account.spend if account else 0)) if ahead else 0,
            }

        return points
