"""A shop with a campaign, and many customers who went through it: some held out, some in an arm, some who bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.dice import choose, draw
from automation.holdouts import HELD_BY_CAMPAIGN, HELD_BY_STORE, campaign_lot, store_lot
from automation.models import ArmPick, Campaign, Customer, Enrolment, Message, Order, Store
from automation.policy import Policy
from automation.security import random_id
from automation.upsert import table_of
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)


class Shop:
    """Builds it, row by row but in bulk."""

    def __init__(self, app: App, session: Session, **changes: Any) -> None:
        self.app, self.session = app, session
        self.store: Store = make.store(session, policy=changes.pop("policy", {}))
        self.campaign: Campaign = make.campaign(app, session, self.store, **changes)
        self.customers: list[int] = []
        self._orders = 0

    def people(self, count: int) -> list[int]:
        """New customers; their ids."""
        rows = [
            {
                "public_id": random_id(),
                "store_id": self.store.id,
                "email": f"p{len(self.customers) + n}@example.com",
                "email_key": f"p{len(self.customers) + n}@example.com",
                "created_at": NOW - 200 * DAY,
                "updated_at": NOW - 200 * DAY,
            }
            for n in range(count)
        ]
        found = list(self.session.scalars(insert(Customer).returning(Customer.id, sort_by_parameter_order=True), rows))
        self.customers += found
        return found

    def enter(
        self, customers: Sequence[int], at: datetime, percent: float = 0, campaign: Campaign | None = None
    ) -> None:
        """They enter a campaign at `at`, some of them held out by its lot, or by the store's."""
        of = campaign or self.campaign
        share = Policy.model_validate(self.store.policy).holdout_percent / 100
        rows = []
        for who in customers:
            reason = ""
            if draw(campaign_lot(of.id), who) < percent / 100:
                reason = HELD_BY_CAMPAIGN
            elif draw(store_lot(self.store.id), who) < share:
                reason = HELD_BY_STORE
            rows.append(
                {
                    "store_id": self.store.id,
                    "campaign_id": of.id,
                    "version_id": of.live_version_id,
                    "customer_id": who,
                    "key": f"{who} {at:%Y-%m-%d}",
                    "state": "held" if reason else "finished",
                    "exit_reason": reason,
                    **dict.fromkeys(("anchor_at", "due_at", "entered_at"), at),
                    "visits": 1,
                }
            )
        bulk.insert(self.session, Enrolment, rows)

    def pick(self, step_id: str, arms: Sequence[str], at: datetime) -> dict[int, str]:
        """Everybody who has entered is drawn into an arm of a step; customer's id → arm."""
        entries = table_of(Enrolment).c
        lot = f"campaign {self.campaign.id}, step {step_id}"
        found, rows = {}, []
        for enrolment_id, who in self.session.execute(
            table_of(Enrolment).select().with_only_columns(entries.id, entries.customer_id)
        ):
            found[who] = choose(lot, who, [(arm, 1.0) for arm in arms])
            rows.append(
                {
                    "enrolment_id": enrolment_id,
                    "step_id": step_id,
                    "campaign_id": self.campaign.id,
                    "arm": found[who],
                    "picked_at": at,
                }
            )
        bulk.insert(self.session, ArmPick, rows, skip=True)
        return found

    def is_held(self, who: int, percent: float) -> bool:
        """Whether the campaign's lot holds a customer out."""
        return draw(campaign_lot(self.campaign.id), who) < percent / 100

    def buy(self, customers: Sequence[int], at: datetime, total: int = 5_000, **values: Any) -> None:
        """Each of them places an order."""
        rows = []
        for who in customers:
            self._orders += 1
            rows.append(
                {
                    "store_id": self.store.id,
                    "customer_id": who,
                    "external_id": f"bulk-{self._orders}",
                    "number": "",
                    "currency": "EUR",
                    **dict.fromkeys(("subtotal", "discount", "shipping", "tax", "refunded"), 0),
                    "total": total,
                    "codes": [],
                    "source": {},
                    **dict.fromkeys(("placed_at", "recorded_at"), at),
                    **values,
                }
            )
        bulk.insert(self.session, Order, rows)

    def click(self, customers: Sequence[int], at: datetime) -> None:
        """Each of them clicks in a mail of the campaign."""
        entries = table_of(Enrolment).c
        wanted = set(customers)
        for enrolment_id, who in self.session.execute(
            table_of(Enrolment).select().with_only_columns(entries.id, entries.customer_id)
        ).all():
            if who in wanted:
                make.message(
                    self.session,
                    self.session.get_one(Customer, who),
                    enrolment_id=enrolment_id,
                    campaign_id=self.campaign.id,
                    step_id="m",
                    state="delivered",
                    created_at=at,
                    accepted_at=at,
                    clicked_at=at,
                )
        self.session.flush()


def some(customers: Sequence[int], share: float, seed: object = 1) -> list[int]:
    """A part of them, by chance."""
    chance = Random(str(seed))
    return [who for who in customers if chance.random() < share]


__all__ = ["DAY", "Message", "Shop", "some"]
