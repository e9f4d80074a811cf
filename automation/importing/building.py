"""From a row's cells to the changes that they tell of, or to the column because of which it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from automation.addresses import normal_form
from automation.changes import (
    Change,
    ConsentChanged,
    CustomerChanged,
    DueItemChanged,
    EventHappened,
    OrderChanged,
    Person,
    ProductChanged,
)
from automation.errors import Unreadable
from automation.importing import cells
from automation.importing.fields import KINDS, Kind
from automation.importing.options import Options
from automation.importing.wishes import Wished
from automation.suppressions import WEIGHTS, Suppressed
from automation.times import zone

Built = Change | Suppressed | Wished
_MILESTONES = ("paid_at", "fulfilled_at", "delivered_at", "cancelled_at", "updated_at")
_MONEY = ("subtotal", "discount", "shipping", "tax", "total", "refunded")
_REASONS = {
    **{reason: reason for reason in WEIGHTS if reason != "erased"},
    **dict.fromkeys(("bounce", "bounced", "hard bounce", "hardbounce", "cleaned", "invalid"), "hard_bounce"),
    **dict.fromkeys(("soft bounce", "softbounce"), "soft_bounces"),
    **dict.fromkeys(("spam", "complained", "spam complaint", "spamreport", "spam report", "abuse"), "complaint"),
    **dict.fromkeys(("", "blocked", "unsubscribed", "unsubscribe", "suppressed", "user_suppressed"), "manual"),
}
"""What other providers call the reasons of theirs."""
_HELD = frozenset({"unsubscribe", "complaint", "form", "admin"})
"""Sources of a withdrawal that an import may bring: they only protect."""
MOST_MAILS = 1000
"""More a week or a month is no limit that anybody meant."""
T = TypeVar("T")


class RowRefused(Exception):
    """A row is not taken in."""

    def __init__(self, reason: str, column: str = "", value: str = "") -> None:
        super().__init__(reason)
        self.reason, self.column, self.value = reason, column, value


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for all rows of a file."""

    kind: str
    headers: Sequence[str]
    mapping: Mapping[int, str]
    options: Options
    store_id: int
    timezone: str
    currency: str
    at: datetime
    """Stands where a row does not say when."""
    name: str
    """The file's, for the ledger."""


class Builder:
    """Builds the changes of one file's rows."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.kind: Kind = KINDS[frame.kind]
        self.columns = {field: number for number, field in frame.mapping.items()}
        self.zone = zone(frame.timezone)
        self._make: Callable[[_Row], list[Built]] = getattr(self, f"_{frame.kind}")

    def build(self, line: int, row: Sequence[str]) -> list[Built]:
        """The changes of a row. Raises RowRefused naming the column."""
        found = _Row(self, line, row)
        try:
            return self._make(found)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = next((str(part) for part in first["loc"] if str(part) in self.columns), "")
            reason = first["msg"].removeprefix("Value error, ")
            raise RowRefused(reason, *found.place(field)) from error

    def address(self, row: Sequence[str]) -> str:
        """The row's address as it stands there, for erasure to find what is kept of refused rows."""
        number = self.columns.get("email")
        return row[number].strip() if number is not None and number < len(row) else ""

    def _person(self, row: _Row, id_field: str = "customer_id") -> Person | None:
        email, external_id = row.email(), row.text(id_field)
        return Person(email=email, external_id=external_id) if email or external_id else None

    def _needed(self, row: _Row) -> Person:
        person = self._person(row)
        if person is None:
            raise RowRefused("whose is it? Neither an address nor an id", *row.place("email"))
        return person

    def _customers(self, row: _Row) -> list[Built]:
        person = self._person(row, "external_id")
        if person is None:
            raise RowRefused("neither an address nor an id", *row.place("email"))
        year, month, day = row.read("birthday", lambda t: cells.day(t, self.frame.options.dates)) or (None,) * 3
        values: dict[str, Any] = {
            name: row.text(name)
            for name in ("first_name", "last_name", "phone", "locale", "timezone", "region", "city", "postcode")
        }
        for name in ("country", "currency"):
            values[name] = (text := row.text(name)) and text.upper()
        customer = CustomerChanged(
            external_id=person.external_id,
            email=person.email,
            birthday_year=year,
            birthday_month=month,
            birthday_day=day,
            tags_added=row.read("tags", cells.words),
            attributes=self._attributes(row),
            special_dates=self._dates(row),
            source=row.json("origin"),
            created_at=row.moment("created_at"),
            updated_at=row.moment("updated_at"),
            **values,
        )
        wished = Wished(
            person,
            row.text("notes"),
            row.moment("paused_until"),
            row.count("most_per_week"),
            row.count("most_per_month"),
        )
        agreed = self._agreed(row, person)
        return [customer, *([agreed] if agreed else []), *([wished] if wished.is_any else [])]

    def _attributes(self, row: _Row) -> dict[str, Any] | None:
        found: dict[str, Any] = row.json("attributes") or {}
        for field in self.columns:
            if field.startswith("attribute:") and (text := row.text(field)) is not None:
                found[field.partition(":")[2]] = text
        return found or None

    def _dates(self, row: _Row) -> dict[str, str | None] | None:
        found: dict[str, str | None] = row.json("special_dates") or {}
        for field in self.columns:
            if field.startswith("special_date:"):
                day = row.read(field, lambda t: cells.day(t, self.frame.options.dates))
                if day is not None:
                    year, month, on = day
                    found[field.partition(":")[2]] = f"{f'{year:04}-' if year else ''}{month:02}-{on:02}"
        return found or None

    def _agreed(self, row: _Row, person: Person) -> ConsentChanged | None:
        options = self.frame.options
        told = row.read("consent", cells.yes_or_no)
        if told is None:
            if options.consent != "granted":
                return None
            told = True
        return self._line(
            row,
            person,
            topic=options.topic,
            status="granted" if told else "withdrawn",
            at=row.moment("consent_at") or self.frame.at,
            wording=row.text("consent_wording") or options.evidence,
            ip=row.text("consent_ip") or "",
            told_source=row.text("consent_source") or "",
        )

    def _line(self, row: _Row, person: Person, *, told_source: str, status: str, **values: Any) -> ConsentChanged:
        """A line of the ledger: an import never speaks with the voice of the person, unless it only protects."""
        options = self.frame.options
        mine = "import_welcomed" if options.welcome else "import"
        keeps = options.as_recorded or (status == "withdrawn" and told_source in _HELD)
        source = told_source if keeps and told_source else mine
        detail = values.pop("detail", None)
        if not options.as_recorded:
            said = f"{told_source}: " if told_source and source == mine else ""
            detail = f"{said}{detail or ''} ({self.frame.name}, line {row.line})".strip()
        return ConsentChanged.model_validate(
            {"person": person, "status": status, "source": source[:64], "detail": (detail or "")[:500], **values}
        )

    def _consents(self, row: _Row) -> list[Built]:
        person = self._needed(row)
        status = row.need("status").lower()
        if status not in ("granted", "withdrawn", "pending"):
            status = "granted" if row.read("status", cells.yes_or_no) else "withdrawn"
        given: dict[str, Any] = {name: text for name in ("ip", "agent", "basis") if (text := row.text(name))}
        return [
            self._line(
                row,
                person,
                topic=row.text("topic") or self.frame.options.topic,
                status=status,
                at=row.moment("at") or self.frame.at,
                wording=row.text("wording") or self.frame.options.evidence,
                told_source=row.text("source") or "",
                detail=row.text("detail"),
                expires_at=row.moment("expires_at"),
                **given,
            )
        ]

    def _suppressions(self, row: _Row) -> list[Built]:
        email = row.email()
        if email is None:
            raise RowRefused("the address is missing", *row.place("email"))
        told = (row.text("reason") or "").lower()
        reason = _REASONS.get(told)
        if reason is None:
            raise RowRefused(
                f"no reason that we know; one of {', '.join(sorted(set(_REASONS.values())))}", *row.place("reason")
            )
        at = min(row.moment("at") or self.frame.at, self.frame.at)
        detail = row.text("detail") or ("" if told == reason else told)
        if not detail and not self.frame.options.as_recorded:
            detail = f"imported from {self.frame.name}"
        return [
            Suppressed(store_id=self.frame.store_id, email_key=normal_form(email), reason=reason, at=at, detail=detail)
        ]

    def _due_items(self, row: _Row) -> list[Built]:
        currency = (row.text("currency") or self.frame.currency).upper()
        amount = row.amount("amount", currency)
        is_filled = amount is not None and not self.frame.options.as_recorded
        return [
            DueItemChanged(
                kind=(row.text("kind") or "payment").lower(),
                external_id=row.need("external_id"),
                person=self._needed(row),
                title=row.text("title") or "",
                url=row.text("url") or "",
                amount=amount,
                currency=currency if is_filled or row.text("currency") else None,
                due_at=row.needed_moment("due_at"),
                done_at=row.moment("done_at"),
                properties=row.json("properties") or {},
                updated_at=row.moment("updated_at"),
            )
        ]

    def _orders(self, row: _Row) -> list[Built]:
        currency = (row.text("currency") or self.frame.currency).upper()
        money = {name: value for name in _MONEY if (value := row.amount(name, currency)) is not None}
        if "total" not in money:
            raise RowRefused("the total is missing", *row.place("total"))
        return [
            OrderChanged.model_validate(
                {
                    "external_id": row.need("external_id"),
                    "number": row.text("number") or "",
                    "person": self._person(row),
                    "currency": currency,
                    **money,
                    "codes": row.read("codes", cells.words) or [],
                    "lines": row.json("lines", list),
                    "source": row.json("origin"),
                    "placed_at": row.needed_moment("placed_at"),
                    **{name: row.moment(name) for name in _MILESTONES},
                }
            )
        ]

    def _products(self, row: _Row) -> list[Built]:
        money = {name: row.amount(name, self.frame.currency) for name in ("price", "compare_at", "cost")}
        texts = {name: row.text(name) for name in ("description", "url", "image_url", "category", "vendor")}
        return [
            ProductChanged.model_validate(
                {
                    "external_id": row.need("external_id"),
                    "title": row.need("title"),
                    **texts,
                    **money,
                    "tags": row.read("tags", cells.words),
                    "stock": row.read("stock", cells.whole),
                    "state": (row.text("state") or "active").lower(),
                    "variants": row.json("variants", list),
                    "created_at": row.moment("created_at"),
                    "updated_at": row.moment("updated_at"),
                }
            )
        ]

    def _events(self, row: _Row) -> list[Built]:
        name = row.need("name")
        if not self.frame.options.as_recorded:
            name = name.lower().replace(" ", "_")
        person, at = self._person(row), row.needed_moment("at")
        properties = row.json("properties") or {}
        external_id = row.text("external_id")
        if external_id is None:
            # The same file once more, or the same row after a crash, brings nothing new.
            content = repr((name, person, at, sorted(properties.items(), key=repr)))
            external_id = f"row-{hashlib.sha256(content.encode()).hexdigest()[:40]}"
        return [EventHappened(name=name, person=person, at=at, properties=properties, external_id=external_id)]


class _Row:
    """One row's cells by what they mean."""

    def __init__(self, builder: Builder, line: int, row: Sequence[str]) -> None:
        self._builder, self.line, self._cells = builder, line, row

    def text(self, field: str) -> str | None:
        """The cell, or None where it is empty or there is none."""
        number = self._builder.columns.get(field)
        if number is None or number >= len(self._cells):
            return None
        text = cells.unguard(self._cells[number])
        if not text.strip():
            return None
        if "\ufffd" in text and not self._builder.frame.options.as_recorded:
            raise RowRefused("a letter cannot be read: which encoding is it?", *self.place(field))
        return text if self._builder.frame.options.as_recorded else text.strip()

    def place(self, field: str) -> tuple[str, str]:
        """The column's name and the cell, for a refusal."""
        number = self._builder.columns.get(field)
        if number is None:
            return "", ""
        headers = self._builder.frame.headers
        name = headers[number] if number < len(headers) and headers[number] else f"column {number + 1}"
        return name, self._cells[number] if number < len(self._cells) else ""

    def read(self, field: str, how: Callable[[str], T]) -> T | None:
        """What the cell says, or None where it is empty. Raises RowRefused for what `how` cannot read."""
        text = self.text(field)
        if text is None:
            return None
        try:
            return how(text)
        except (Unreadable, OverflowError, ValueError) as error:
            raise RowRefused(str(error), *self.place(field)) from error

    def need(self, field: str) -> str:
        """The cell. Raises RowRefused where it is empty."""
        text = self.text(field)
        if text is None:
            raise RowRefused("this is missing", *(self.place(field) if self.place(field)[0] else (field, "")))
        return text

    def email(self) -> str | None:
        """The address as it stands there. Raises RowRefused for what is none."""
        self.read("email", normal_form)
        return self.text("email")

    def moment(self, field: str) -> datetime | None:
        builder = self._builder
        return self.read(field, lambda t: cells.moment(t, builder.zone, builder.frame.options.dates))

    def needed_moment(self, field: str) -> datetime:
        self.need(field)
        at = self.moment(field)
        assert at is not None
        return at

    def amount(self, field: str, currency: str) -> int | None:
        return self.read(field, lambda t: cells.amount(t, currency))

    def count(self, field: str) -> int | None:
        """A number from 1. Raises RowRefused for what is none."""
        number = self.read(field, cells.whole)
        if number is not None and not 1 <= number <= MOST_MAILS:
            raise RowRefused(
                f"a number from 1 to {MOST_MAILS}; for no mails at all, withdraw the consent", *self.place(field)
            )
        return number

    def json(self, field: str, wanted: type[Any] = dict) -> Any:
        return self.read(field, lambda t: cells.json_of(t, wanted))
