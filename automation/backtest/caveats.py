"""What a replay cannot know, because the store keeps only how it is today."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.models import Customer
from automation.rules import checks
from automation.rules.fields import FIELDS
from automation.rules.language import Bought, Compare, Happened, InSegment, Rule, leaves
from automation.rules.scope import Scope
from automation.versions import Version

_DATED = ("created_at",)
"""Fields of a customer that are an instant which never changes."""


def caveats(session: Session, version: Version, scope: Scope) -> tuple[str, ...]:
    """What is asked of today instead of the day it is about, each in a sentence, without repetition."""
    found = [*version.trigger.not_kept, *_of_rule(version.audience, scope, frozenset())]
    erased = select(Customer.id).where(Customer.store_id == version.store_id, Customer.erased_at.is_not(None)).limit(1)
    if session.execute(erased).first() is not None:
        found.append("Customers who were erased since are left out.")
    return tuple(dict.fromkeys(found))


def _of_rule(rule: Rule, scope: Scope, seen: frozenset[int]) -> Iterator[str]:
    for leaf in leaves(rule):
        match leaf:
            case Compare():
                yield from _of_field(leaf.field)
            case Happened():
                yield from _of_event(leaf.event)
            case Bought():
                yield "Products count for the category, vendor and tags that they have today."
            case InSegment(segment=segment) if segment in scope and segment not in seen:
                yield f"The segment “{scope.names.get(segment, segment)}” is read by the rule that it has today."
                yield from _of_rule(scope[segment], scope, seen | {segment})
            case _:
                pass


def _of_field(name: str) -> Iterator[str]:
    field = FIELDS.get(name)
    if field is None:
        if checks.document(name) is not None:
            yield f"The audience asks about {name}, which is taken as it is today."
    elif field.tally is not None:
        yield from _of_event(field.tally.event)
    elif name not in _DATED:
        yield f"The audience asks about {field.words}, which is taken as it is today."


def _of_event(name: str) -> Iterator[str]:
    if name == "cart.left":
        yield "Carts are kept as they were left last, and stock is taken as it is today."
    if name.startswith("mail.") or name == "campaign.entered":
        yield "Mails and entries that the audience asks about are those that there really were."
