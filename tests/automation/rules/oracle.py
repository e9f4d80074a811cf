"""The oracle: reads a rule's JSON about a customer of a `World` the slow and obvious way, sharing nothing with SQL."""

from __future__ import annotations

import operator
from calendar import isleap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.automation.rules.world import Row

UNKNOWN = object()
_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "is": operator.eq,
    "is_not": operator.ne,
    "at_least": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
    "less_than": operator.lt,
}
_VISITS = {"viewed", "visited", "searched", "seen", "added_to_cart", "logged_in"}


def small(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


class Oracle:
    """Knows one store's zone, its segments, and what time it is."""

    def __init__(self, now: datetime, store_zone: str, segments: dict[int, Any]) -> None:
        self.now, self.store_zone, self.segments = now, store_zone, segments

    def holds(self, rule: Any, who: Row) -> bool:
        if "all" in rule:
            return all(self.holds(part, who) for part in rule["all"])
        if "any" in rule:
            return any(self.holds(part, who) for part in rule["any"])
        if "not" in rule:
            return not self.holds(rule["not"], who)
        if "segment" in rule:
            return self.holds(self.segments[rule["segment"]], who)
        if "event" in rule:
            return self._event(rule, who)
        if "bought" in rule:
            ((by, names),) = rule["bought"].items()
            filters = [{"property": by, "is": "in", "value": names}]
            return bool(self._happened("order.placed", rule.get("within"), filters, who))
        if "consent" in rule:
            return self._consent(rule, who)
        if "suppressed" in rule:
            return self._suppressed(rule["suppressed"], who)
        return self._field(rule, who)

    def _consent(self, rule: Any, who: Row) -> bool:
        state = who["consents"].get(rule["consent"])
        if state is None or state["at"] > self.now:
            return bool(rule.get("is", "granted") == "not_asked")
        return state["status"] == rule.get("is", "granted") and self._inside(rule.get("within"), state["at"], who)

    def _suppressed(self, wanted: Any, who: Row) -> bool:
        row = who["suppression"]
        if row is not None and row["at"] > self.now:
            row = None
        return (row is not None) == wanted if isinstance(wanted, bool) else row is not None and row["reason"] in wanted

    # Calendars

    def _zone(self, whose: str, who: Row) -> ZoneInfo:
        name = (who["timezone"] if whose == "customer" else None) or self.store_zone
        return ZoneInfo("UTC" if name.startswith("Mars") else name)

    def _inside(self, window: Any, at: datetime, who: Row) -> bool:
        if window is None:
            return True
        if "last_days" in window:
            return self.now - timedelta(days=window["last_days"]) < at <= self.now
        zone = self._zone(window.get("zone", "store"), who)
        local, today = at.astimezone(zone).date(), self.now.astimezone(zone).date()
        if "since" in window:
            return self._compare(window["since"], at, local, operator.ge)
        if "between" in window:
            first, last = window["between"]
            before = operator.le if len(last) == 10 else operator.lt
            return self._compare(first, at, local, operator.ge) and self._compare(last, at, local, before)
        return _in_calendar(window["calendar"], local, today)

    @staticmethod
    def _compare(text: str, at: datetime, local: date, how: Callable[[Any, Any], bool]) -> bool:
        return how(local, date.fromisoformat(text)) if len(text) == 10 else how(at, datetime.fromisoformat(text))

    # Events

    def _happened(self, name: str, window: Any, filters: list[Any], who: Row) -> list[tuple[datetime, Row]]:
        return [
            (at, row)
            for at, row in self._of(name, who)
            if at is not None
            and at <= self.now
            and self._inside(window, at, who)
            and all(self._filtered(part, row) for part in filters)
        ]

    def _of(self, name: str, who: Row) -> list[tuple[datetime | None, Row]]:
        kind, _, what = name.partition(".")
        if kind == "order" and what in ("placed", "paid", "fulfilled", "delivered", "cancelled"):
            return [
                (o[f"{what}_at"], {**o, "net": o["total"] - o["refunded"], "document": {"source": o["source"]}})
                for o in who["orders"]
                if what == "cancelled" or o["cancelled_at"] is None or o["cancelled_at"] > self.now
            ]
        if name == "cart.left":
            past = [(c["ordered_at"], c["deleted_at"], c) for c in who["carts"] if c["item_count"] > 0]
            left = [c for ordered, gone, c in past if all(at is None or at > self.now for at in (ordered, gone))]
            return [
                (
                    c["last_activity_at"],
                    {**c, "is_checkout": c["checkout_at"] is not None, "document": {"source": c["source"]}},
                )
                for c in left
            ]
        if name == "campaign.entered":
            return [(e["entered_at"], e) for e in who["entries"]]
        if kind == "mail":
            return list(self._mails(what, who))
        events = who["events"]
        if name == "visit":
            events = [e for e in events if e["name"].rpartition(".")[2] in _VISITS]
        else:
            events = [e for e in events if e["name"] == name]
        return [(e["at"], {"document": e["properties"]}) for e in events]

    @staticmethod
    def _mails(what: str, who: Row) -> Any:
        for mail in who["mails"]:
            if mail["is_test"]:
                continue
            known = {**mail, "class": mail["mail_class"], "step": mail["step_id"]}
            if what in ("opened", "clicked"):
                wanted = {"opened": "open", "clicked": "click"}[what]
                for hit in mail["hits"]:
                    if hit["type"] == wanted and not hit["is_machine"]:
                        yield hit["at"], {**known, "url": hit["url"]}
            else:
                yield mail["accepted_at" if what == "sent" else f"{what}_at"], known

    def _filtered(self, part: Any, row: Row) -> bool:
        name, how, value = part["property"], part["is"], part.get("value")
        if name in ("product", "variant", "sku", "category", "vendor", "tag"):
            wanted = value if isinstance(value, list) else [value]
            return any(_is_line(name, item, wanted) for item in row["items"]) == (how in ("is", "in"))
        if name == "code":
            return bool((value in row["codes"]) == (how == "has"))
        if name == "item_count" and "codes" in row:
            return _plain(sum(item["quantity"] for item in row["items"]), how, value)
        return _plain(row[name], how, value) if name in row else _json(_dig(row["document"], name), how, value)

    def _event(self, rule: Any, who: Row) -> bool:
        do, how, value = rule.get("do", "count"), rule.get("is", "at_least"), rule.get("value")
        found = self._happened(rule["event"], rule.get("within"), rule.get("where", []), who)
        if do in ("first", "last"):
            ats = [at for at, _ in found]
            at = (min(ats) if do == "first" else max(ats)) if ats else None
            return self._instant(at, how, value, who)
        return _plain(self._figure(rule["event"], do, rule.get("property"), found), how, 1 if value is None else value)

    @staticmethod
    def _figure(event: str, do: str, name: str | None, found: list[tuple[datetime, Row]]) -> Any:
        if do == "count":
            return len({row["id"] for _, row in found} if event in ("mail.opened", "mail.clicked") else found)
        assert name is not None
        amounts = []
        for _, row in found:
            amount = row[name] if name in row else _dig(row.get("document", {}), name)
            if name == "item_count" and "codes" in row:
                amount = sum(item["quantity"] for item in row["items"])
            if isinstance(amount, int | float) and not isinstance(amount, bool):
                amounts.append(amount)
        if do == "sum":
            return sum(amounts)
        if not amounts:
            return None
        return {"average": sum(amounts) / len(amounts), "min": min(amounts), "max": max(amounts)}[do]

    # Fields

    def _field(self, rule: Any, who: Row) -> bool:
        name, how, value = rule["field"], rule["is"], rule.get("value")
        today = self.now.astimezone(self._zone(rule.get("zone", "customer"), who)).date()
        head, _, path = name.partition(".")
        if path:
            return self._document(_dig(who[head], path), how, value, today)
        figures: dict[str, tuple[str, str, str | None]] = {
            "order_count": ("order.placed", "count", None),
            "order_total": ("order.placed", "sum", "net"),
            "order_average": ("order.placed", "average", "net"),
            "cart_count": ("cart.left", "count", None),
        }
        if name in figures:
            event, do, of = figures[name]
            return _plain(self._figure(event, do, of, self._happened(event, None, [], who)), how, value)
        if name == "birthday":
            born = (who["birthday_month"], who["birthday_day"])
            return _annual(None if born[0] is None else born, how, value, today)
        if name == "tags":
            return bool((value in who["tags"]) == (how == "has"))
        if name.endswith("_at"):
            return self._instant(self._at(name, who), how, value, who)
        return _plain(who["email_key"] if name == "email" else who[name], how, value)

    def _at(self, name: str, who: Row) -> datetime | None:
        events = {
            "first_order_at": "order.placed",
            "last_order_at": "order.placed",
            "last_mail_at": "mail.sent",
            "last_open_at": "mail.opened",
            "last_click_at": "mail.clicked",
            "last_visit_at": "visit",
        }
        if name not in events:
            return who[name]  # type: ignore[no-any-return]
        ats = [at for at, _ in self._happened(events[name], None, [], who)]
        return (min if name.startswith("first") else max)(ats) if ats else None

    def _instant(self, at: datetime | None, how: str, value: Any, who: Row) -> bool:
        if how in ("is_known", "is_unknown"):
            return (at is not None) == (how == "is_known")
        if at is None:
            return False
        if how in ("before", "after"):
            bound = datetime.fromisoformat(value).astimezone(UTC)
            return at < bound if how == "before" else at > bound
        if how == "within":
            return self._inside(value, at, who)
        days = timedelta(days=value)
        return {
            "in_last_days": self.now - days < at <= self.now,
            "not_in_last_days": not self.now - days < at <= self.now,
            "over_days_ago": at < self.now - days,
            "in_next_days": self.now <= at < self.now + days,
        }[how]

    @staticmethod
    def _document(seen: Any, how: str, value: Any, today: date) -> bool:
        dated = ("is_today", "in_next_days", "in_last_days", "before", "after")
        if how not in dated and not how.startswith("anniversary"):
            return _json(seen, how, value)
        on = seen[:10] if isinstance(seen, str) else ""
        shape = "".join("9" if c in "0123456789" else c for c in on)
        if shape != "9999-99-99":
            return False
        if how.startswith("anniversary"):
            plain = "is_today" if how == "anniversary_is_today" else "in_next_days"
            return _annual((int(on[5:7]), int(on[8:])), plain, value, today)
        if how in ("before", "after"):
            return bool(on < value if how == "before" else on > value)
        return on in [day.isoformat() for day in _days(how, value, today)]


def _days(how: str, value: Any, today: date) -> list[date]:
    step = timedelta(days=-1 if how == "in_last_days" else 1)
    return [today + step * i for i in range((0 if how == "is_today" else value) + 1)]


def _annual(born: tuple[int, int] | None, how: str, value: Any, today: date) -> bool:
    if how in ("is_known", "is_unknown"):
        return (born is not None) == (how == "is_known")
    for day in _days(how, value, today):
        celebrated = [(day.month, day.day)]
        if celebrated == [(2, 28)] and not isleap(day.year):
            celebrated.append((2, 29))
        if born in celebrated:
            return True
    return False


def _in_calendar(named: str, local: date, today: date) -> bool:
    week, last_week = today.isocalendar()[:2], (today - timedelta(days=7)).isocalendar()[:2]
    month = today.year * 12 + today.month
    return {
        "today": local == today,
        "yesterday": local == today - timedelta(days=1),
        "this_week": local.isocalendar()[:2] == week,
        "last_week": local.isocalendar()[:2] == last_week,
        "this_month": local.year * 12 + local.month == month,
        "last_month": local.year * 12 + local.month == month - 1,
        "this_year": local.year == today.year,
        "last_year": local.year == today.year - 1,
    }[named]


def _is_line(name: str, item: Row, wanted: list[str]) -> bool:
    product = item["of"]
    if name in ("product", "variant"):
        return small(item[f"{name}_external_id"]) in map(small, wanted)
    if name == "sku":
        return small(item["sku"]) in map(small, wanted)
    if product is None:
        return False
    if name == "tag":
        return any(tag in wanted for tag in product["tags"])
    return small(product[name]) in map(small, wanted)


def _plain(seen: Any, how: str, value: Any) -> bool:
    if how in ("is_known", "is_unknown"):
        return (seen is not None and seen != "") == (how == "is_known")
    if seen is None:
        return False
    if isinstance(seen, str):
        seen = small(seen)
        if how in ("in", "not_in"):
            return (seen in map(small, value)) == (how == "in")
        value = small(value)
        if how == "contains":
            return value in seen
        if how == "starts_with":
            return bool(seen.startswith(value))
    return _NUMBERS[how](seen, value)


def _dig(document: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(document, dict) or key not in document:
            return UNKNOWN
        document = document[key]
    return document


def _json(seen: Any, how: str, value: Any) -> bool:
    if how in ("is_known", "is_unknown"):
        return (seen is not UNKNOWN and seen is not None and seen != "") == (how == "is_known")
    if how in ("has", "has_not"):
        return isinstance(seen, list) and any(part == value and isinstance(part, str) for part in seen) == (
            how == "has"
        )
    if isinstance(value, bool):
        return isinstance(seen, bool) and (seen == value) == (how == "is")
    if isinstance(value, int | float):
        return isinstance(seen, int | float) and not isinstance(seen, bool) and _NUMBERS[how](seen, value)
    return isinstance(seen, str) and _plain(seen, how, value)
