"""How long a rule takes over a store's whole history, and for one customer of it.

Ten things have happened to each customer: 1.5 orders, 2 mails, 2 things that became of mails, 4.5 other events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text

from automation import segments
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer
from automation.rules import language
from automation.rules.explain import explain
from automation.rules.scope import scope_of
from automation.rules.sql import predicate
from bench.rig import Figure, analyse, filling, installation, lanes, median_ms
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TARGET_MS, ONE_MS = 1500, 2
RULES: dict[str, dict[str, Any]] = {
    "ordered ≥ 2 times in 90 days, opened nothing in 30": {
        "all": [
            {"event": "order.placed", "is": "at_least", "value": 2, "within": {"last_days": 90}},
            {"not": {"event": "mail.opened", "within": {"last_days": 30}}},
        ]
    },
    "viewed ≥ 2 times in 90 days, reviewed nothing in 30": {
        "all": [
            {"event": "product.viewed", "is": "at_least", "value": 2, "within": {"last_days": 90}},
            {"not": {"event": "review.left", "within": {"last_days": 30}}},
        ]
    },
    "spent at least 100.00 this year": {
        "event": "order.placed",
        "do": "sum",
        "property": "net",
        "is": "at_least",
        "value": 10000,
        "within": {"calendar": "this_year"},
    },
    "order_count at least 2, or fewer than 1 in a year": {
        "any": [
            {"field": "order_count", "is": "at_least", "value": 2},
            {"event": "order.placed", "is": "less_than", "value": 1, "within": {"last_days": 365}},
        ]
    },
}
_SPREAD_DAYS = 365


def measure(quick: bool) -> Iterator[Figure]:
    """The rules over the store in one statement, and for one customer, on each database."""
    size = 50_000 if quick else 1_000_000
    for lane in lanes():
        with installation(lane, TurnableClock(NOW)) as app:
            with filling(app):
                store_id = _fill(app, size)
            analyse(app)
            for place, (name, value) in enumerate(RULES.items()):
                yield from _measure(app, lane, store_id, size, name, value, is_target=place < 2)


def _measure(
    app: App, lane: str, store_id: int, size: int, name: str, value: Any, *, is_target: bool
) -> Iterator[Figure]:
    rule = language.read(value)
    with app.db.read() as session:
        scope = scope_of(session, store_id)
        where = predicate(rule, NOW, scope)
        found = segments.count(session, store_id, rule, NOW)
        whole = median_ms(lambda: segments.count(session, store_id, rule, NOW), repeats=3)
        somebody = session.scalars(select(Customer.id).where(where).limit(1)).one()
        one = median_ms(
            lambda: session.execute(
                select(Customer.id).where(Customer.id == somebody, predicate(rule, NOW, scope, each=True))
            ).one(),
            repeats=21,
        )
        why = median_ms(lambda: explain(session, rule, somebody, NOW, scope), repeats=21)
    over = f"{size / 1e6:g} M customers, {size * 10 / 1e6:g} M events"
    yield Figure(
        "rules",
        name,
        lane,
        round(whole, 1),
        "ms",
        f"under {TARGET_MS} ms" if is_target else "",
        whole < TARGET_MS if is_target else None,
        f"{over}: {found:,} found",
    )
    yield Figure(
        "rules",
        "… for one customer",
        lane,
        round(one, 2),
        "ms",
        f"under {ONE_MS} ms",
        one < ONE_MS,
        f"explained in {why:.2f} ms",
    )


def _fill(app: App, size: int) -> int:
    """A store whose events are spread over a year, each for some customer that a hash picks."""
    with app.db.write() as session:
        store = make.store(session)
        version = make.template(session, store)
        lite = app.db.is_sqlite
        fill = _Fill(size, lite)
        for statement in (
            fill.customers(store.id),
            fill.orders(store.id, size * 3 // 2),
            fill.messages(store.id, version.id, size * 2),
            fill.hits(size * 2),
            fill.events(store.id, size * 9 // 2),
        ):
            session.execute(text(statement))
        return store.id


class _Fill:
    """INSERT … SELECT over a row of numbers, in each database's words."""

    def __init__(self, size: int, lite: bool) -> None:
        self.size, self.lite = size, lite
        self.object = "'{}'" if lite else "'{}'::jsonb"
        self.list = "'[]'" if lite else "'[]'::jsonb"

    def _rows(self, into: str, values: str, count: int) -> str:
        if self.lite:
            series = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
            return f"INSERT INTO {into} {series} SELECT {values} FROM n"
        return f"INSERT INTO {into} SELECT {values} FROM generate_series(1, {count}) AS n(i)"

    @staticmethod
    def _mixed(salt: int) -> str:
        """A number below 2^32 in which two neighbours have nothing in common."""
        i = "CAST(i AS BIGINT)"
        return f"((({i} * {i} % 4294967291) * {40503 + 2 * salt} + {i} * 7919 + {salt}) % 4294967291)"

    def _at(self, salt: int) -> str:
        """An instant of the last year, to the second."""
        seconds = f"({self._mixed(10 + salt)} % {_SPREAD_DAYS * 86400})"
        if self.lite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', '2026-03-10 12:00:00', '-' || {seconds} || ' seconds')"
        return f"(timestamptz '2026-03-10 12:00:00+00' - {seconds} * interval '1 second')"

    def _who(self, salt: int) -> str:
        return f"({self._mixed(salt)} % {self.size} + 1)"

    def customers(self, store: int) -> str:
        columns = "public_id, store_id, email, email_key, first_name, last_name, phone, tags, attributes, notes, source"
        values = (
            f"'c' || i, {store}, i || '@example.com', i || '@example.com', 'A', 'B', '', {self.list}, {self.object}, "
            f"'', {self.object}, {self._at(1)}, {self._at(1)}"
        )
        return self._rows(f"customers ({columns}, created_at, updated_at)", values, self.size)

    def orders(self, store: int, count: int) -> str:
        columns = "store_id, customer_id, external_id, number, currency, subtotal, discount, shipping, tax, total"
        values = (
            f"{store}, {self._who(2)}, 'o' || i, '', 'EUR', 5000, 0, 0, 0, 1000 + i % 9000, 0, {self.list}, "
            f"{self.object}, {self._at(2)}, {self._at(2)}"
        )
        return self._rows(f"orders ({columns}, refunded, codes, source, placed_at, recorded_at)", values, count)

    def messages(self, store: int, version: int, count: int) -> str:
        columns = (
            "public_id, store_id, customer_id, template_version_id, mail_class, rank, priority, topic, is_test, state, "
            "reason, reason_detail, due_at, fence, kills, attempt_count, created_at, accepted_at"
        )
        values = (
            f"'m' || i, {store}, {self._who(3)}, {version}, 'promotional', 3, 50, 'marketing', "
            f"{'0' if self.lite else 'false'}, 'accepted', '', '', {self._at(3)}, 0, 0, 0, {self._at(3)}, {self._at(3)}"
        )
        return self._rows(f"messages ({columns})", values, count)

    def hits(self, count: int) -> str:
        columns = "message_id, type, at, external_id, reason, is_policy, url, agent, ip, is_machine, recorded_at"
        no = "0" if self.lite else "false"
        kind = "CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'click' ELSE 'delivered' END"
        values = f"i, {kind}, {self._at(4)}, 'h' || i, '', {no}, '', '', '', {no}, {self._at(4)}"
        return self._rows(f"message_events ({columns})", values, count)

    def events(self, store: int, count: int) -> str:
        kind = "CASE i % 3 WHEN 0 THEN 'review.left' ELSE 'product.viewed' END"
        values = f"{store}, {self._who(5)}, {kind}, {self._at(5)}, {self.object}, {self._at(5)}"
        return self._rows("events (store_id, customer_id, name, at, properties, recorded_at)", values, count)
