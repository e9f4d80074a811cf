"""Keeps those who were erased from coming back with a shop's next sync: only they themselves can, by a form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import delete, select

from automation.addresses import key_of
from automation.changes import (
    Change,
    ConsentChanged,
    CustomerDeleted,
    CustomersMerged,
    OrderChanged,
    Person,
    PrivacyRequested,
)
from automation.erasing.marks import mark_of_address, mark_of_id
from automation.intake.batch import Batch
from automation.intake.people import person_of
from automation.models import Customer, ErasedPerson
from automation.suppressions import Suppressed, suppress


def without_erased(batch: Batch, changes: Sequence[Change]) -> list[Change]:
    """The changes without what they tell of people who were erased: of orders the figures stay, of the rest nothing.

    Who agrees by a form of the store comes back by their own will, with an empty past; what forbade mails to their
    address before does so again.
    """
    if not _has_any(batch):
        return list(changes)
    people = [person for change in changes if (person := _whom(change)) is not None]
    known = _marks(batch, people)
    if not known:
        return list(changes)
    live = _live(batch, people) | _let_back(batch, changes, known)
    return list(_kept(batch, changes, known, live))


def _has_any(batch: Batch) -> bool:
    where = ErasedPerson.store_id == batch.store_id
    return batch.session.scalar(select(ErasedPerson.mark).where(where).limit(1)) is not None


def _whom(change: Change) -> Person | None:
    return None if isinstance(change, PrivacyRequested | CustomerDeleted | CustomersMerged) else person_of(change)


def _marks(batch: Batch, people: Sequence[Person]) -> dict[str, str]:
    """Those of the people's marks that stand for somebody erased, each with what had been suppressed."""
    wanted = {mark for person in people for mark in _both(batch, person) if mark}
    found = batch.session.execute(
        select(ErasedPerson.mark, ErasedPerson.suppression).where(
            ErasedPerson.store_id == batch.store_id, ErasedPerson.mark.in_(wanted)
        )
    )
    return {row.mark: row.suppression for row in found}


def _both(batch: Batch, person: Person) -> tuple[str | None, str | None]:
    by_id = person.external_id and mark_of_id(batch.session, batch.connection.id, person.external_id)
    return mark_of_address(batch.session, person.email), by_id or None


def _let_back(batch: Batch, changes: Sequence[Change], known: dict[str, str]) -> set[str]:
    back: dict[str, str] = {}
    for change in changes:
        if isinstance(change, ConsentChanged) and change.source == "form" and change.status != "withdrawn":
            mark, _ = _both(batch, change.person)
            if mark in known:
                back[mark] = key_of(change.person.email) or ""
    if not back:
        return set()
    batch.session.execute(
        delete(ErasedPerson).where(ErasedPerson.store_id == batch.store_id, ErasedPerson.mark.in_(back))
    )
    suppress(
        batch.session,
        [
            Suppressed(store_id=batch.store_id, email_key=back[mark], reason=reason, at=batch.now)
            for mark in back
            if (reason := known.pop(mark))
        ],
    )
    return set(back.values())


def _live(batch: Batch, people: Sequence[Person]) -> set[str]:
    """Addresses of customers that there are: an old id of theirs at a shop may have been another's, or theirs."""
    keys = {key for person in people if (key := key_of(person.email))}
    found = select(Customer.email_key).where(
        Customer.store_id == batch.store_id, Customer.email_key.in_(keys), Customer.erased_at.is_(None)
    )
    return {key for key in batch.session.scalars(found) if key}


def _kept(batch: Batch, changes: Sequence[Change], known: dict[str, str], live: set[str]) -> Iterator[Change]:
    for change in changes:
        person = _whom(change)
        if person is None:
            yield change
            continue
        by_address, by_id = _both(batch, person)
        if by_address not in known and (by_id not in known or key_of(person.email) in live):
            yield change
            continue
        batch.erased += 1
        if isinstance(change, OrderChanged):
            yield change.model_copy(
                update={
                    "person": None,
                    "number": "",
                    "source": None,
                    "cart_external_id": None,
                    "checkout_external_id": None,
                }
            )
