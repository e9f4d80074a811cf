"""When soft bounces add up: five mails in a row, over at least a week, with no delivery in between.

A run is judged anew whenever a bounce of it comes in. A delivery that is told late and falls into a run breaks it,
and takes back the suppression that it led to; a delivery after the run does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.addresses import key_of
from automation.models import Message, MessageEvent, Rendering

MAILS = 5
SPAN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Sign:
    """A soft bounce of a message, or its delivery."""

    at: datetime
    is_delivery: bool
    message_id: int


def runs(signs: Iterable[Sign]) -> list[list[Sign]]:
    """Soft bounces between deliveries, oldest first; a message counts once in its run."""
    found: list[list[Sign]] = [[]]
    for sign in sorted(signs, key=lambda s: (s.at, s.is_delivery, s.message_id)):
        if sign.is_delivery:
            found.append([])
        elif all(sign.message_id != known.message_id for known in found[-1]):
            found[-1].append(sign)
    return [run for run in found if run]


def enough(run: list[Sign]) -> Sign | None:
    """The bounce of a run that made it enough; None while it is not."""
    return next((sign for sign in run[MAILS - 1 :] if sign.at - run[0].at >= SPAN), None)


def signs_of(session: Session, addresses: Mapping[int, str]) -> dict[str, list[Sign]]:
    """Everything that counts for or against the addresses of customers ({row id: address}), by address."""
    rows = session.execute(
        select(Message.customer_id, MessageEvent.message_id, MessageEvent.type, MessageEvent.at, Rendering.to_email)
        .join(Message, Message.id == MessageEvent.message_id)
        .outerjoin(Rendering, Rendering.message_id == Message.id)
        .where(
            Message.customer_id.in_(sorted(addresses)),
            MessageEvent.type.in_(("soft_bounce", "delivered")),
            MessageEvent.is_policy.is_(False),
        )
    )
    found: dict[str, list[Sign]] = defaultdict(list)
    for row in rows:
        address = key_of(row.to_email) or addresses[row.customer_id]
        found[address].append(Sign(row.at, row.type == "delivered", row.message_id))
    return found
