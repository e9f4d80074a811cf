"""Where a customer stands in the loyalty programme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.loyalty import ledger, programme
from automation.loyalty.ledger import NOTHING
from automation.loyalty.rewards import offered
from automation.models import LoyaltyAccount, Message, Reward
from automation.rendering.value import Batch, Value
from automation.times import local_date

SHOWN = 4
"""Rewards of a list."""


class PointsValue(Value):
    """The customer's points: balance, expiring and expires_on (how many will be lost next if none are spent, and
    when), tier, perks (what the tier brings), next_tier, to_next_tier (what is still to be spent for it, in minor
    units of the store's currency), rewards (at most four that the balance is enough for, the dearest first: name,
    points) and next_reward (the first that it is not enough for: name, points, missing).
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        customers = {m.customer_id for m in messages}
        standings = ledger.standings(batch.session, customers, batch.now)
        coming = ledger.expiries(batch.session, customers, batch.now)
        rows = batch.session.execute(
            select(LoyaltyAccount.customer_id, LoyaltyAccount.tier, LoyaltyAccount.rank, LoyaltyAccount.spend).where(
                LoyaltyAccount.customer_id.in_(customers)
            )
        )
        accounts = {row.customer_id: row for row in rows}
        rewards = offered(batch.session, {m.store_id for m in messages}, batch.now)
        rules = {store_id: programme.of(store) for store_id, store in batch.stores.items()}

        def points(m: Message) -> dict[str, Any]:
            standing, account = standings.get(m.customer_id, NOTHING), accounts.get(m.customer_id)
            where = batch.zone(m)
            loss = ledger.next_loss(standing, coming.get(m.customer_id, ()), lambda at: local_date(at, where))
            rank = account.rank if account else 0
            mine, ahead = rules[m.store_id].tier_at(rank), rules[m.store_id].tier_at(rank + 1)
            return {
                "balance": standing.available,
                "expiring": loss[1] if loss else 0,
                "expires_on": loss[0].isoformat() if loss else "",
                "tier": account.tier if account else "",
                "perks": mine.perks if mine else "",
                "next_tier": ahead.name if ahead else "",
                "to_next_tier": max(0, ahead.spend - (account.spend if account else 0)) if ahead else 0,
                **_rewards(rewards.get(m.store_id, ()), rank, standing.available),
            }

        return points


def _rewards(rows: Sequence[Reward], rank: int, available: int) -> dict[str, Any]:
    mine = [row for row in rows if row.least_rank <= rank]
    reached = [{"name": row.name, "points": row.points} for row in mine if row.points <= available]
    ahead = next((row for row in mine if row.points > available), None)
    return {
        "rewards": reached[::-1][:SHOWN],
        "next_reward": {
            "name": ahead.name if ahead else "",
            "points": ahead.points if ahead else 0,
            "missing": ahead.points - available if ahead else 0,
        },
    }
