"""Events of any name, and things with a date to be reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, tuple_

from automation.changes import DueItemChanged, EventHappened, Line
from automation.intake.batch import Batch, Row, Shelf, fill, is_newer, latest
from automation.intake.noting import is_visit, keep
from automation.intake.people import People
from automation.intake.products import Goods
from automation.models import DueItem, Event
from automation.upsert import table_of


def take_events(batch: Batch, people: People, changes: Sequence[EventHappened]) -> None:
    """Keep events, each once."""
    if not changes:
        return
    table = table_of(Event)
    prefix = f"{batch.connection.id}:"
    ids = {prefix + change.external_id for change in changes if change.external_id}
    told = set[str | None]()
    if ids:
        known = select(table.c.external_id).where(table.c.store_id == batch.store_id, table.c.external_id.in_(ids))
        told = set(batch.session.scalars(known))
    goods = Goods(batch, (named for change in changes if (named := _named(change))))
    rows: list[Row] = []
    for change in changes:
        external_id = prefix + change.external_id if change.external_id else None
        if external_id and external_id in told:
            batch.repeated += 1
            continue
        told.add(external_id)
        owner = people.find(change.person)
        rows.append(
            {
                "store_id": batch.store_id,
                "customer_id": owner["id"] if owner else None,
                "name": change.name,
                "at": change.at,
                "product_id": goods.product_id(_named(change)),
                "properties": change.properties,
                "external_id": external_id,
                "recorded_at": batch.now,
            }
        )
        if is_visit(change.name):
            people.engage(owner, change.at)
    batch.applied += len(rows)
    keep(batch.session, rows, batch.now)


def _named(change: EventHappened) -> Line | None:
    """The product that the properties name by the shop's own ids, as a line of one."""
    product, variant = (_id(change.properties.get(key)) for key in ("product_id", "variant_id"))
    if not product and not variant:
        return None
    return Line(product_external_id=product, variant_external_id=variant, title="", quantity=1, price=0)


def _id(value: Any) -> str:
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_id and len(str(value)) <= 128 else ""


def take_due_items(batch: Batch, people: People, changes: Sequence[DueItemChanged]) -> None:
    """Take over what customers are to be reminded of."""
    if not changes:
        return
    shelf = Shelf(batch, DueItem, named_by=("kind", "external_id"))
    wanted = {(change.kind, change.external_id) for change in changes}
    found = shelf.load(DueItem.store_id == batch.store_id, tuple_(DueItem.kind, DueItem.external_id).in_(wanted))
    rows = {(row["kind"], row["external_id"]): row for row in found}
    for change in changes:
        row, owner = rows.get((change.kind, change.external_id)), people.find(change.person)
        if row is None and owner is None:
            batch.unmatched += 1
            continue
        if row is None:
            row = rows[change.kind, change.external_id] = shelf.add(_new(batch, change))
        newer = is_newer(change.updated_at, row["external_updated_at"])
        batch.tally(is_newer=newer)
        fill(
            row,
            {
                "customer_id": owner["id"] if owner else None,
                "title": change.title or None,
                "url": change.url or None,
                "amount": change.amount,
                "currency": change.currency,
                "done_at": change.done_at,
                "properties": change.properties or None,
            },
            newer=newer,
        )
        if newer:
            row["due_at"] = change.due_at
            row["external_updated_at"] = latest(row["external_updated_at"], change.updated_at)
        row["updated_at"] = batch.now
        shelf.touch(row)
    shelf.flush()


def _new(batch: Batch, change: DueItemChanged) -> Row:
    return {
        "id": None,
        "store_id": batch.store_id,
        "customer_id": None,
        "kind": change.kind,
        "external_id": change.external_id,
        **dict.fromkeys(("amount", "currency", "done_at", "external_updated_at")),
        **dict.fromkeys(("title", "url"), ""),
        "due_at": change.due_at,
        "properties": {},
        "created_at": batch.now,
        "updated_at": batch.now,
    }
