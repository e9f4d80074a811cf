"""Who a change is about: customers are found by what a platform calls them, then by their address, or made."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import bindparam, delete, or_, select, update

from automation.addresses import key_of
from automation.changes import Change, CustomerChanged, CustomerDeleted, CustomersMerged, Person
from automation.intake.batch import Batch, Row, Shelf, earliest, fill, is_newer, latest
from automation.intake.merging import merge
from automation.intake.moving import Move, take_moves
from automation.intake.special_dates import keep_dates
from automation.models import Customer, Identity
from automation.security import random_id
from automation.tags import said, standing
from automation.upsert import insert_into, table_of

_ZONES = available_timezones()
_PROFILE = ("first_name", "last_name", "phone", "locale", "country", "region", "city", "postcode", "currency", "tags")
_BIRTHDAY = ("birthday_month", "birthday_day", "birthday_year")
_WISHES = ("paused_until", "most_per_week", "most_per_month")
_NOT_OURS = ("public_id", "notes", "engaged_at", "erased_at", "own_tags", *_WISHES)
"""Columns of a customer that others write."""
_EMPTY: Row = {
    **dict.fromkeys(("id", "email", "email_key", "locale", "timezone", "country", "region", "city", "postcode")),
    **dict.fromkeys(("currency", *_BIRTHDAY, "engaged_at", "external_updated_at", "imported_at", "erased_at")),
    **dict.fromkeys(("first_name", "last_name", "phone", "notes"), ""),
}


def person_of(change: Change) -> Person | None:
    """Whom a change is about."""
    if isinstance(change, CustomerChanged):
        return Person.model_construct(external_id=change.external_id, email=change.email)
    found: Person | None = getattr(change, "person", None)
    return found


class People:
    """The customers that a run of changes is about."""

    def __init__(self, batch: Batch, persons: Iterable[Person | None]) -> None:
        self._batch = batch
        self._shelf = Shelf(batch, Customer, named_by=("public_id",), kept=_NOT_OURS)
        self._by_external: dict[str, Row] = {}
        self._by_key: dict[str, Row] = {}
        self._identities: dict[str, Row] = {}
        self._named: set[str] = set()
        """Customers (by public id) whom this platform has a name for already."""
        self._merges: list[tuple[Row, Row]] = []
        self._moves: list[Move] = []
        self._freed: set[int] = set()
        self._engaged: dict[int, datetime] = {}
        self._dates: list[tuple[Row, Mapping[str, str | None]]] = []
        known = [p for p in persons if p is not None]
        self._load({p.external_id for p in known if p.external_id}, {k for p in known if (k := key_of(p.email))})

    def _load(self, external_ids: set[str], keys: set[str]) -> None:
        batch, rows = self._batch, dict[int, Row]()
        owners: dict[str, int] = {}
        if external_ids:
            mine = select(Identity.external_id, Identity.customer_id).where(
                Identity.connection_id == batch.connection.id, Identity.external_id.in_(external_ids)
            )
            owners = dict(batch.session.execute(mine).all())
        if owners or keys:
            # Lists of tags and attributes are read, added to and written back: of two who do so at once one waits.
            whose = or_(
                Customer.id.in_(set(owners.values())),
                (Customer.store_id == batch.store_id) & Customer.email_key.in_(keys),
            )
            rows = {row["id"]: row for row in self._shelf.load(whose, is_locked=True)}
        self._by_external = {external_id: rows[owner] for external_id, owner in owners.items()}
        self._by_key = {row["email_key"]: row for row in rows.values() if row["email_key"]}
        if rows and external_ids - owners.keys():
            named = select(Identity.customer_id).where(
                Identity.connection_id == batch.connection.id, Identity.customer_id.in_(rows)
            )
            self._named = {rows[customer_id]["public_id"] for customer_id in batch.session.scalars(named)}

    def find(self, person: Person | None) -> Row | None:
        """The customer, if there is one."""
        if person is None:
            return None
        if person.external_id and person.external_id in self._by_external:
            return self._by_external[person.external_id]
        key = key_of(person.email)
        return self._by_key.get(key) if key else None

    def meet(self, person: Person | None) -> Row | None:
        """The customer, made if need be. None for somebody with neither an id nor an address that can be mailed."""
        row = self.find(person)
        if row is not None and person is not None and self._is_somebody_else(row, person):
            row = None
        if person is None or (row is None and not person.external_id and key_of(person.email) is None):
            return None
        if row is None:
            row = self._make()
        if person.external_id and person.external_id not in self._by_external:
            self.name(person.external_id, row)
        if row["email_key"] is None and not row["erased_at"] and key_of(person.email):
            self._claim(row, person.email or "", None, may_take=False)
            self._shelf.touch(row)
        return row

    def _is_somebody_else(self, row: Row, person: Person) -> bool:
        """Whether a customer found by address has another name at this shop: then it is another account."""
        has_new_name = person.external_id is not None and person.external_id not in self._by_external
        return has_new_name and row["public_id"] in self._named

    def name(self, external_id: str, row: Row) -> None:
        """Let the platform's id mean this customer from now on."""
        self._named.add(row["public_id"])
        self._by_external[external_id] = self._identities[external_id] = row

    def _make(self) -> Row:
        now = self._batch.now
        row = {**_EMPTY, "public_id": random_id(), "store_id": self._batch.store_id, "created_at": now}
        row["imported_at"] = self._batch.imported_at
        return self._shelf.add({**row, "tags": [], "attributes": {}, "source": {}, "updated_at": now})

    def _claim(self, row: Row, email: str, told: datetime | None, *, may_take: bool) -> None:
        """Give the customer an address.

        One that a guest has comes along with the guest; from another customer of the shop it is taken if that may
        be and this news is newer.
        """
        key = key_of(email)
        holder = self._by_key.get(key) if key else None
        if holder is not None and holder is not row:
            if self._is_guest(holder):
                self._merges.append((row, holder))
            elif not (may_take and is_newer(told, holder["external_updated_at"])):
                key = None
            if key:
                self._release(holder)
                self._shelf.touch(holder)
        if row["email_key"] != key:
            if row["email_key"]:
                self._moves.append((row, row["email_key"]))
            self._release(row)
        row["email"], row["email_key"] = email, key
        if key:
            self._by_key[key] = row

    def _release(self, row: Row) -> None:
        if row["email_key"]:
            self._by_key.pop(row["email_key"], None)
            if row["id"] is not None:
                self._freed.add(row["id"])
        row["email"] = row["email_key"] = None

    def _is_guest(self, row: Row) -> bool:
        """Whether no platform has a name for this customer."""
        if any(other is row for other in (*self._by_external.values(), *self._identities.values())):
            return False
        if row["id"] is None:
            return True
        named = select(Identity.external_id).where(Identity.customer_id == row["id"]).limit(1)
        return self._batch.session.scalar(named) is None

    def change(self, change: CustomerChanged) -> None:
        """Take over what a platform says of a customer."""
        row = self.meet(person_of(change))
        if row is None:
            if change.email is None:
                self._batch.unmatched += 1
                return
            row = self._make()  # an address that cannot be mailed still belongs to somebody
        newer = is_newer(change.updated_at, row["external_updated_at"])
        self._batch.tally(is_newer=newer and not row["erased_at"])
        if row["erased_at"]:
            return
        if change.email and (newer or not row["email_key"]):
            self._claim(row, change.email, change.updated_at, may_take=True)
        values: Row = {name: getattr(change, name) for name in (*_PROFILE, *_BIRTHDAY)}
        if change.timezone in _ZONES:
            values["timezone"] = change.timezone
        fill(row, values, newer=newer)
        if not _is_birthday(row["birthday_month"], row["birthday_day"]):
            row.update(dict.fromkeys(_BIRTHDAY))
        self._extend(row, change, newer=newer)
        if change.special_dates and newer:
            self._dates.append((row, change.special_dates))
        row["external_updated_at"] = latest(row["external_updated_at"], change.updated_at)
        row["updated_at"] = self._batch.now
        self._shelf.touch(row)

    @staticmethod
    def _extend(row: Row, change: CustomerChanged, *, newer: bool) -> None:
        if change.attributes:
            old, new = row["attributes"], change.attributes
            row["attributes"] = {**old, **new} if newer else {**new, **old}
        gone = set(change.tags_removed or ())
        told = [tag for tag in (*row["tags"], *(change.tags_added or ())) if tag not in gone]
        row["tags"] = standing(told, row.get("own_tags"))
        if change.source and not row["source"]:
            row["source"] = change.source
        row["created_at"] = earliest(row["created_at"], change.created_at)

    def engage(self, row: Row | None, at: datetime) -> None:
        """Remember that a customer showed up; written by `flush_engagement`."""
        if row is not None:
            at = min(at, self._batch.now)
            self._engaged[row["id"]] = max(at, self._engaged.get(row["id"], at))

    def flush(self) -> None:
        """Write the customers and what platforms call them; afterwards every row has its id."""
        table = table_of(Customer)
        if self._freed:  # an address must be free before its next owner can have it
            self._batch.session.execute(update(table).where(table.c.id.in_(self._freed)).values(email_key=None))
            self._freed = set()
        self._shelf.flush()
        if self._identities:
            statement = insert_into(self._batch.session, Identity)
            statement = statement.on_conflict_do_update(
                index_elements=["connection_id", "external_id"], set_={"customer_id": statement.excluded.customer_id}
            )
            rows = [
                {"connection_id": self._batch.connection.id, "external_id": external_id, "customer_id": row["id"]}
                for external_id, row in sorted(self._identities.items())
            ]
            self._batch.session.connection().execute(statement, rows)
            self._identities = {}
        moves, self._moves = self._moves, []
        take_moves(self._batch, moves)
        dates, self._dates = self._dates, []
        keep_dates(self._batch, dates)
        merges, self._merges = self._merges, []
        for kept, gone in merges:
            self._join(kept, gone)

    def flush_engagement(self) -> None:
        """Write when customers last showed up."""
        if self._engaged:
            table = table_of(Customer)
            later = or_(table.c.engaged_at.is_(None), table.c.engaged_at < bindparam("_at"))
            statement = update(table).where(table.c.id == bindparam("_id"), later).values(engaged_at=bindparam("_at"))
            rows = [{"_id": customer_id, "_at": at} for customer_id, at in sorted(self._engaged.items())]
            self._batch.session.connection().execute(statement, rows)
            self._engaged = {}

    def _join(self, kept: Row, gone: Row) -> None:
        """Make one customer of two; both are written already."""
        if kept is gone:
            return
        for external_id, row in self._by_external.items():
            if row is gone:
                self._by_external[external_id] = kept
        key, email = gone["email_key"], gone["email"]
        self._release(gone)
        if key and not kept["email_key"] and not kept["erased_at"]:
            kept["email"], kept["email_key"] = email, key
            self._by_key[key] = kept
        elif key and not kept["erased_at"]:
            self._moves.append((kept, key))
        gone["attributes"] = {**gone["attributes"], "merged_into": kept["public_id"]}
        if not kept["erased_at"]:
            fill(kept, {name: gone[name] for name in (*_PROFILE, *_BIRTHDAY, "timezone", "source")}, newer=False)
            kept["attributes"] = {**gone["attributes"], **kept["attributes"]}
            kept["attributes"].pop("merged_into", None)
            kept["own_tags"] = said(gone.get("own_tags"), dict(kept.get("own_tags") or ()))
        kept["created_at"] = min(kept["created_at"], gone["created_at"])
        kept["updated_at"] = gone["updated_at"] = self._batch.now
        self._shelf.touch(gone)
        self._shelf.touch(kept)
        self.flush()
        merge(self._batch, kept, gone)

    def merge(self, change: CustomersMerged) -> None:
        """Two customers of the shop are one now."""
        kept = self.meet(Person(external_id=change.kept_external_id))
        gone = self._by_external.get(change.deleted_external_id)
        assert kept is not None
        self.name(change.deleted_external_id, kept)
        self.flush()
        if gone is kept:
            self._batch.repeated += 1
            return
        if gone is not None:
            self._join(kept, gone)
        self._batch.applied += 1


def _is_birthday(month: int | None, day: int | None) -> bool:
    return month is None or day is None or day <= monthrange(2000, month)[1]


def take_people(batch: Batch, changes: Sequence[Change]) -> People:
    """Find or make everybody that the changes are about, and take over what is said of customers themselves."""
    people = People(batch, map(person_of, changes))
    for change in changes:
        if isinstance(change, CustomerChanged):
            people.change(change)
        else:
            people.meet(person_of(change))
    people.flush()
    return people


def take_merges(batch: Batch, changes: Sequence[CustomersMerged]) -> None:
    """Join customers."""
    ids = [i for c in changes for i in (c.kept_external_id, c.deleted_external_id)]
    people = People(batch, [Person(external_id=i) for i in ids])
    for change in changes:
        people.merge(change)


def take_deleted(batch: Batch, changes: Sequence[CustomerDeleted]) -> None:
    """Cut the link to the shop; the history stays."""
    wanted: set[Any] = {change.external_id for change in changes}
    gone = batch.session.scalars(
        delete(Identity)
        .where(Identity.connection_id == batch.connection.id, Identity.external_id.in_(wanted))
        .returning(Identity.external_id)
    ).all()
    batch.applied += len(gone)
    batch.unmatched += len(changes) - len(gone)
