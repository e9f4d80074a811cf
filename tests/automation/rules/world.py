"""A small random store: the same facts as rows in a database and as plain dictionaries for the oracle."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlalchemy.orm import Session

from automation.models import (
    Campaign,
    Cart,
    CartItem,
    Consent,
    ConsentState,
    Customer,
    CustomerScore,
    Enrolment,
    Event,
    LoyaltyAccount,
    Message,
    MessageEvent,
    Order,
    OrderItem,
    Product,
    Record,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)
from automation.models.campaigns import CampaignVersion
from tests.conftest import NOW

Row = dict[str, Any]
NOWS = (
    NOW,
    NOW - timedelta(days=40),
    datetime(2027, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 27, 0, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 22, 59, 59, 999999, tzinfo=UTC),
)
ZONES = (None, None, "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Mars/Olympus")
HOME = "Europe/Berlin"
TEXTS = ("DE", "de", "FR", "", "100%", "ÖÄ", "a_b", "Ab")
TAGS = ("vip", "VIP", "it's", "a_b")
JSON: tuple[Any, ...] = (
    None,
    "",
    "M",
    "m",
    "Mé",
    42,
    42.5,
    -1,
    0,
    True,
    False,
    ["vip", "x"],
    [1, "1", None],
    [],
    {"shoe": 42, "0": "x"},
    "42",
    "2026-03-12",
    "2026-03-10T23:00:00",
    "2024-02-29",
    "1990-12-31",
    "2026-3-1",
)
EVENTS = ("review.left", "product.viewed", "viewed", "order.shipped")
TOPICS = ("marketing", "news")
TICK = timedelta(microseconds=1)
_SPANS = (0, 1, 2, 7, 30, 31, 90, 365)


class World:
    """One store's facts; `customers` hold all that the oracle asks about each."""

    def __init__(self, session: Session, number: int) -> None:
        self.dice = random.Random(number)
        self.base = number * 1000
        self.store_id = self.base + 1
        self.now = NOWS[number % len(NOWS)]
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._last = self.base
        self.products = [self._product(i) for i in range(4)]
        self.campaigns = [f"campaign{self.base}.{i}" for i in range(2)]
        self._base_rows()
        self.customers = [self._customer() for _ in range(self.dice.choice([1, 6, 9]))]
        self._nobodys()
        for table in Record.metadata.sorted_tables:
            if rows := self._rows.get(table.name):
                session.execute(insert(table), rows)

    def _id(self) -> int:
        self._last += 1
        return self._last

    def _keep(self, model: Any, **row: Any) -> Row:
        self._rows[model.__tablename__].append(row)
        return row

    def instant(self) -> datetime:
        """Often on the very edge of some window, and sometimes later than now."""
        dice = self.dice
        edges = [self.now - timedelta(days=dice.choice(_SPANS))]
        local = self.now.astimezone(ZoneInfo(dice.choice([HOME, "America/New_York", "Pacific/Kiritimati"])))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        edges += [midnight, midnight.replace(day=1), midnight.replace(day=1, month=1)]
        edges += [midnight - timedelta(days=midnight.weekday()), midnight - timedelta(days=midnight.weekday() + 7)]
        edges.append(self.now + timedelta(days=3))
        nudge = dice.choice([timedelta(), timedelta(), TICK, -TICK, timedelta(hours=5), timedelta(hours=-5)])
        return (dice.choice(edges) + nudge).astimezone(UTC)

    def _maybe(self, share: float = 0.3) -> datetime | None:
        return self.instant() if self.dice.random() < share else None

    def _base_rows(self) -> None:
        zone = self.dice.choice([HOME, "America/New_York", "Pacific/Kiritimati"])
        self.zone = zone
        at = datetime(2025, 1, 1, tzinfo=UTC)
        self._keep(Store, id=self.store_id, public_id=f"s{self.base}", name="Store", timezone=zone, created_at=at)
        times = {"created_at": at, "updated_at": at}
        for number, public_id in enumerate(self.campaigns):
            campaign = self.base + 10 + number
            self._keep(
                Campaign,
                id=campaign,
                public_id=public_id,
                store_id=self.store_id,
                name=public_id,
                state="live",
                draft={},
                **times,
            )
            self._keep(CampaignVersion, id=campaign, campaign_id=campaign, number=1, definition={}, created_at=at)
            name = f"mail_{number}"
            self._keep(
                Template, id=campaign, public_id=public_id, store_id=self.store_id, name=name, title=name, **times
            )
            version = {"subject": "", "mjml": "", "html": "", "text": "", "links": [], "names": [], "created_at": at}
            self._keep(TemplateVersion, id=campaign, template_id=campaign, number=1, **version)
        self._last = self.base + 20

    def _product(self, number: int) -> Row:
        at = datetime(2025, 1, 1, tzinfo=UTC)
        return {
            **self._keep(
                Product,
                id=self.base + number,
                store_id=self.store_id,
                external_id=f"P{number}",
                title="Tea",
                price=100,
                category=self.dice.choice(["Tea", "tea", "Cups", ""]),
                vendor=self.dice.choice(["Wren", "ÖÄ"]),
                tags=self.dice.sample(TAGS, self.dice.randint(0, 2)),
                created_at=at,
                updated_at=at,
            )
        }

    def _customer(self) -> Row:
        dice = self.dice
        key = self._id()
        born = dice.choice([(None, None), (2, 29), (2, 28), (3, 1), (3, 10), (3, 11), (12, 31), (1, 1), (3, 17)])
        row = self._keep(
            Customer,
            id=key,
            public_id=f"c{key}",
            store_id=self.store_id,
            email=dice.choice([None, "A@example.com"]),
            email_key=dice.choice([None, f"c{key}@example.com"]),
            first_name=dice.choice(["", "Ada", "O_Neil"]),
            last_name=dice.choice(TEXTS),
            phone=dice.choice(["", "+49"]),
            country=dice.choice([None, "DE", "de", "FR", ""]),
            region=dice.choice([None, *TEXTS]),
            city=dice.choice([None, *TEXTS]),
            postcode=dice.choice([None, "10115", "10999", "SW1A"]),
            locale=dice.choice([None, "en", "de-AT"]),
            currency=dice.choice([None, "EUR"]),
            timezone=dice.choice(ZONES),
            tags=dice.sample(TAGS, dice.randint(0, 3)),
            attributes={k: dice.choice(JSON) for k in ("size", "note", "day") if dice.random() < 0.8},
            source=dice.choice([{}, {"utm": {"campaign": dice.choice(JSON)}}, {"utm": "x"}]),
            birthday_month=born[0],
            birthday_day=born[1],
            birthday_year=dice.choice([None, 1980, 2000]),
            engaged_at=self._maybe(0.6),
            created_at=self.instant(),
            updated_at=self.now,
        )
        return {
            **row,
            "orders": [self._order(key) for _ in range(dice.choice([0, 0, 1, 2, 4]))],
            "carts": [self._cart(key) for _ in range(dice.choice([0, 0, 1, 3]))],
            "events": [self._event(key) for _ in range(dice.choice([0, 1, 3, 5]))],
            "mails": [self._mail(key) for _ in range(dice.choice([0, 1, 2, 3]))],
            "entries": [self._entry(key) for _ in range(dice.choice([0, 0, 1]))],
            "consents": {topic: self._consent(key, topic) for topic in TOPICS if dice.random() < 0.5},
            "suppression": self._suppression(row["email_key"]),
            **self._account(key),
            **self._expected(key),
        }

    def _expected(self, owner: int) -> Row:
        """What is expected of the customer; of some nothing is."""
        names = ("recency", "frequency", "monetary")
        scores: Row = {name: self.dice.choice([None, 1, 5]) for name in names}
        scores |= {
            "rfm_group": self.dice.choice([None, "champions", "Lost"]),
            "expected_orders": self.dice.choice([None, 0.0, 0.5, 42.0]),
            "lifetime_value": self.dice.choice([None, 0, 1000]),
            "alive": self.dice.choice([None, 0.25, 1.0]),
            "next_order_at": self._maybe(0.5),
            "lead_score": self.dice.choice([0, 1, 42]),
        }
        if self.dice.random() < 0.4:
            return dict.fromkeys(scores)
        self._keep(CustomerScore, customer_id=owner, store_id=self.store_id, **scores)
        return scores

    def _account(self, owner: int) -> Row:
        """Where the customer stands in the programme; some have no account."""
        if self.dice.random() < 0.4:
            return {"points_balance": None, "tier": None}
        tier, balance = self.dice.choice(["", "Gold", "silver"]), self.dice.choice([-1, 0, 1, 42, 600])
        place = {"balance": balance, "tier": tier, "rank": 0, "spend": 0}
        self._keep(LoyaltyAccount, customer_id=owner, store_id=self.store_id, **place)
        return {"points_balance": balance, "tier": tier}

    def _items(self, model: Any, key: str, owner: int) -> list[Row]:
        found = []
        for position in range(self.dice.choice([0, 1, 1, 2])):
            product = self.dice.choice([*self.products, None])
            row = self._keep(
                model,
                position=position,
                product_id=product and product["id"],
                product_external_id=product["external_id"] if product else self.dice.choice(["", "P9"]),
                variant_external_id=self.dice.choice(["", "V1"]),
                sku=self.dice.choice(["", "S1", "s1"]),
                title="Tea",
                quantity=self.dice.choice([0, 1, 3]),
                price=100,
                **{key: owner},
            )
            found.append({**row, "of": product})
        return found

    def _order(self, customer: int | None) -> Row:
        dice, key, at = self.dice, self._id(), self.instant()
        total = dice.choice([0, 999, 5000])
        row = self._keep(
            Order,
            id=key,
            store_id=self.store_id,
            customer_id=customer,
            external_id=f"o{key}",
            currency=dice.choice(["EUR", "eur"]),
            subtotal=total,
            discount=dice.choice([0, 100]),
            shipping=dice.choice([0, 490]),
            tax=0,
            total=total,
            refunded=dice.choice([0, 0, 999]),
            codes=dice.sample(TAGS, dice.randint(0, 2)),
            source=dice.choice([{}, {"utm": dice.choice(JSON)}]),
            placed_at=at,
            paid_at=self._maybe(),
            fulfilled_at=self._maybe(),
            delivered_at=self._maybe(),
            cancelled_at=self._maybe(),
            recorded_at=at,
        )
        return {**row, "items": self._items(OrderItem, "order_id", key)}

    def _cart(self, customer: int | None) -> Row:
        key, at = self._id(), self.instant()
        row = self._keep(
            Cart,
            id=key,
            store_id=self.store_id,
            customer_id=customer,
            external_id=f"k{key}",
            currency="EUR",
            total=self.dice.choice([0, 999]),
            item_count=self.dice.choice([0, 1, 2]),
            checkout_at=self._maybe(),
            source=self.dice.choice([{}, {"utm": self.dice.choice(JSON)}]),
            created_at=at,
            last_activity_at=at,
            ordered_at=self._maybe(),
            deleted_at=self._maybe(),
        )
        return {**row, "items": self._items(CartItem, "cart_id", key)}

    def _event(self, customer: int | None) -> Row:
        at = self.instant()
        return self._keep(
            Event,
            id=self._id(),
            store_id=self.store_id,
            customer_id=customer,
            name=self.dice.choice(EVENTS),
            at=at,
            properties={k: self.dice.choice(JSON) for k in ("stars", "size") if self.dice.random() < 0.8},
            recorded_at=at,
        )

    def _mail(self, customer: int) -> Row:
        dice, key, which = self.dice, self._id(), self.dice.choice([0, 1])
        row = self._keep(
            Message,
            id=key,
            public_id=f"m{key}",
            store_id=self.store_id,
            customer_id=customer,
            campaign_id=dice.choice([None, self.base + 10 + which]),
            template_version_id=self.base + 10 + which,
            mail_class=dice.choice(["promotional", "lifecycle"]),
            rank=3,
            topic=dice.choice(TOPICS),
            step_id=dice.choice([None, "mail_1"]),
            is_test=dice.random() < 0.1,
            state="accepted",
            due_at=self.now,
            created_at=self.now,
            accepted_at=self._maybe(0.7),
            delivered_at=self._maybe(),
            bounced_at=self._maybe(),
            unsubscribed_at=self._maybe(),
        )
        hits = [
            self._keep(
                MessageEvent,
                id=(hit := self._id()),
                message_id=key,
                type=dice.choice(["open", "click", "delivered"]),
                at=self.instant(),
                external_id=f"h{hit}",
                url=dice.choice(["", "https://a.example/X"]),
                is_machine=dice.random() < 0.3,
                recorded_at=self.now,
            )
            for _ in range(dice.choice([0, 1, 3]))
        ]
        campaign = self.campaigns[which] if row["campaign_id"] else None
        return {**row, "campaign": campaign, "template": f"mail_{which}", "hits": hits}

    def _entry(self, customer: int) -> Row:
        which = self.dice.choice([0, 1])
        campaign = self.base + 10 + which
        row = self._keep(
            Enrolment,
            id=(key := self._id()),
            store_id=self.store_id,
            campaign_id=campaign,
            version_id=campaign,
            customer_id=customer,
            key=str(key),
            anchor_at=self.now,
            due_at=self.now,
            entered_at=self.instant(),
        )
        return {**row, "campaign": self.campaigns[which]}

    def _consent(self, customer: int, topic: str) -> Row:
        at, status = self.instant(), self.dice.choice(["granted", "withdrawn", "pending"])
        who = {"customer_id": customer, "store_id": self.store_id, "topic": topic, "status": status, "at": at}
        self._keep(Consent, id=(key := self._id()), source="form", recorded_at=at, **who)
        return self._keep(ConsentState, consent_id=key, **who)

    def _suppression(self, address: str | None) -> Row | None:
        if address is None or self.dice.random() < 0.6:
            return None
        reason = self.dice.choice(["complaint", "manual"])
        return self._keep(
            Suppression,
            id=self._id(),
            store_id=self.store_id,
            email_key=address,
            reason=reason,
            at=self.instant(),
        )

    def _nobodys(self) -> None:
        """What belongs to no customer: a list of customers with NULL in it must not spoil an answer."""
        self._order(None)
        self._cart(None)
        self._event(None)
