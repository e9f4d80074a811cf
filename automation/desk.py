"""The desk that steps stand at: it answers for a whole batch at once, and writes at the end what they asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session

from automation import bulk, versions
from automation.models import CLASSES, ArmPick, Customer, Enrolment, Message, Record
from automation.models.record import UTCDateTime
from automation.rules.language import Filter, Rule
from automation.rules.scope import Scope
from automation.rules.since import first_since
from automation.rules.sql import predicate
from automation.security import random_id
from automation.step import Place
from automation.tags import said, standing
from automation.upsert import table_of
from automation.versions import Version


@dataclass(slots=True)
class _Wishes:
    """What is to be changed on one customer."""

    tags: dict[str, bool] = field(default_factory=dict)
    """True to add, False to remove; the last word counts."""
    attributes: dict[str, Any] = field(default_factory=dict)


class BatchDesk:
    """A `step.Desk` for the enrolments of one version that are moved in one transaction."""

    def __init__(self, session: Session, now: datetime, version: Version) -> None:
        self.session = session
        self.now = now
        self.store_id = version.store_id
        self.campaign_id = version.campaign_id
        self.version_id = version.id
        self._version = version
        self._rows: dict[type[Record], list[Mapping[str, Any]]] = defaultdict(list)
        self._wishes: dict[int, _Wishes] = defaultdict(_Wishes)

    @cached_property
    def scope(self) -> Scope:
        """What the store's rules refer to; read once per batch, and only if a rule is asked."""
        return versions.segments_of(self.session, self.store_id)

    @cached_property
    def _message(self) -> dict[str, Any]:
        version, definition = self._version, self._version.definition
        return {
            "store_id": version.store_id,
            "campaign_id": version.campaign_id,
            "version_id": version.id,
            "mail_class": definition.mail_class,
            "rank": CLASSES.index(definition.mail_class),
            "priority": definition.priority,
            "topic": definition.topic,
            "is_test": False,
            "state": "draft",
            "reason": "",
            "due_at": self.now,
            "expires_at": self.now + version.policy.defer,
            "created_at": self.now,
        }

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        self._rows[Message].append(
            {
                **self._message,
                "public_id": random_id(),
                "customer_id": place.customer_id,
                "enrolment_id": place.enrolment_id,
                "step_id": step_id,
                "round": place.round,
                "template_version_id": template_version_id,
                "subject_id": place.subject_id,
            }
        )

    def keep(self, model: type[Record], row: Mapping[str, Any]) -> None:
        self._rows[model].append(row)

    def pick(self, place: Place, step_id: str, arm: str) -> None:
        self._rows[ArmPick].append(
            {
                "enrolment_id": place.enrolment_id,
                "step_id": step_id,
                "campaign_id": self.campaign_id,
                "arm": arm,
                "picked_at": self.now,
            }
        )

    def tag(self, place: Place, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        wishes = self._wishes[place.customer_id].tags
        wishes.update(dict.fromkeys(remove, False))
        wishes.update(dict.fromkeys(add, True))

    def set_attribute(self, place: Place, name: str, value: Any) -> None:
        self._wishes[place.customer_id].attributes[name] = value

    def holding(self, places: Sequence[Place], rule: Rule) -> set[int]:
        self._change_customers()  # a rule sees what the steps before it did
        # Under another name: a rule may itself ask of enrolments.
        given = table_of(Enrolment).alias("given")
        entry: ColumnElement[datetime] = literal_column("given.entered_at", UTCDateTime())
        found = self.session.scalars(
            select(given.c.id)
            .join(Customer, Customer.id == given.c.customer_id)
            .where(
                given.c.id.in_([place.enrolment_id for place in places]),
                predicate(rule, self.now, self.scope, each=True, entry=entry),
            )
        )
        return set(found)

    def happened(self, places: Sequence[Place], event: str, where: Sequence[Filter] = ()) -> dict[int, datetime]:
        given = bulk.table(
            self.session,
            [Enrolment.id, Enrolment.customer_id, Enrolment.arrived_at],
            [{"id": p.enrolment_id, "customer_id": p.customer_id, "arrived_at": p.since_at} for p in places],
        )
        first = first_since(event, where, self.now, given, customer_id=given.c.customer_id, since=given.c.arrived_at)
        rows = self.session.execute(select(given.c.id, first.label("first_at")))
        return {row.id: row.first_at for row in rows if row.first_at is not None}

    def flush(self) -> None:
        """Write what the steps asked for: one statement for each kind of row, and two for customers' state."""
        self._change_customers()
        for model, rows in self._rows.items():
            bulk.insert(self.session, model, rows, skip=True)
        self._rows.clear()

    def _change_customers(self) -> None:
        if not self._wishes:
            return
        found = self.session.execute(
            select(Customer.id, Customer.tags, Customer.own_tags, Customer.attributes)
            .where(Customer.id.in_(self._wishes))
            .order_by(Customer.id)
            .with_for_update()
        )
        changed = []
        for row in found:
            wishes = self._wishes[row.id]
            own_tags = said(row.own_tags, wishes.tags) if wishes.tags else row.own_tags
            values = {
                "tags": standing(row.tags, own_tags) if wishes.tags else row.tags,
                "own_tags": own_tags,
                "attributes": _merged(row.attributes, wishes.attributes),
            }
            if any(values[name] != getattr(row, name) for name in values):
                changed.append({"id": row.id, **values})
        bulk.update(self.session, Customer, changed, values={"updated_at": self.now})
        self._wishes.clear()


def _merged(attributes: dict[str, Any], wishes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**attributes, **wishes}
    return {name: value for name, value in merged.items() if value is not None or name not in wishes}
