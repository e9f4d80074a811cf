"""What readers of mails think: a score from 0 to 10, words with it, and the net promoter score of many.

A score is given by the button of a page that a link in the mail opens; opening the page says nothing, since scanners
open everything. Each score is also an event of the customer, `rating.left` with `score`, `group`, `stage` and
`campaign`, so that flows wait for it, branch on it and bring a person in.

Net promoter score: the share of promoters (9 and 10) less that of detractors (0 to 6), in points from −100 to 100
(Reichheld, "The One Number You Need to Grow", Harvard Business Review, December 2003).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.intake.noting import keep
from automation.models import Campaign, CampaignVersion, Customer, Message, Rating, Store

EVENT = "rating.left"
OPEN = timedelta(days=60)
"""How long after a mail was made its reader can say what they think."""
LONGEST = 4000
"""Characters of a comment; the rest is cut off."""
PROMOTER, PASSIVE = 9, 7
"""The least scores of promoters and of passives."""

Group = Literal["promoter", "passive", "detractor"]

_STAGES: Mapping[str, str] = {
    "welcome": "awareness",
    "browse_abandoned": "consideration",
    "cart_abandoned": "consideration",
    "checkout_abandoned": "consideration",
    "back_in_stock": "consideration",
    "price_drop": "consideration",
    "first_purchase": "acquisition",
    "order_placed": "acquisition",
    "order_delivered": "service",
    "due_item": "service",
}
"""Where on the journey a campaign's mails meet the customer, by its trigger; all others: loyalty."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who holds a rating link, and what they said so far."""

    message_id: int
    """Row id."""
    customer_id: int
    store_name: str
    store_url: str
    score: int | None
    comment: str
    is_test: bool
    is_open: bool
    """It is not too late."""


def group_of(score: int) -> Group:
    """Promoter, passive or detractor."""
    return "promoter" if score >= PROMOTER else "passive" if score >= PASSIVE else "detractor"


def asked(session: Session, public_id: str, now: datetime) -> Asked | None:
    """Who was asked by the message with this public id; None when there is no such message, or its reader is gone."""
    found = session.execute(
        select(Message, Store, Rating)
        .join(Store, Store.id == Message.store_id)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(Rating, Rating.message_id == Message.id)
        .where(Message.public_id == public_id, Customer.erased_at.is_(None))
    ).one_or_none()
    if found is None:
        return None
    message, store, rating = found
    return Asked(
        message_id=message.id,
        customer_id=message.customer_id,
        store_name=store.name,
        store_url=store.url,
        score=rating.score if rating else None,
        comment=rating.comment if rating else "",
        is_test=message.is_test,
        is_open=now < message.created_at + OPEN,
    )


def rate(session: Session, public_id: str, score: int, comment: str, now: datetime) -> Asked | None:
    """Keep a score and what was written with it; the same again changes nothing. None for an unknown message.

    Raises NotAllowed for a score that is none and when it is too late. A test mail's changes nothing.
    """
    if not 0 <= score <= 10:
        raise NotAllowed("A score is a number from 0 to 10.")
    reader = asked(session, public_id, now)
    if reader is None or reader.is_test:
        return reader
    if not reader.is_open:
        raise NotAllowed("This question is too long ago.")
    # Two presses of the button: the second waits for the first.
    session.execute(select(Customer.id).where(Customer.id == reader.customer_id).with_for_update())
    row = session.scalar(
        select(Rating).where(Rating.message_id == reader.message_id).execution_options(populate_existing=True)
    )
    comment = comment.strip()[:LONGEST]
    if row is None or row.score != score:
        row = _score(session, reader, row, score, now)
    if comment and comment != row.comment:
        row.comment, row.commented_at = comment, now
    session.flush()
    return asked(session, public_id, now)


def _score(session: Session, reader: Asked, row: Rating | None, score: int, now: datetime) -> Rating:
    message = session.get_one(Message, reader.message_id)
    stage, name = _stage(session, message)
    if row is None:
        row = Rating(
            store_id=message.store_id,
            customer_id=message.customer_id,
            message_id=message.id,
            campaign_id=message.campaign_id,
        )
        session.add(row)
    row.score, row.stage, row.at = score, stage, now
    left = {
        "store_id": message.store_id,
        "customer_id": message.customer_id,
        "name": EVENT,
        "at": now,
        "product_id": None,
        "properties": {"score": score, "group": group_of(score), "stage": stage, "campaign": name},
        "external_id": None,
        "recorded_at": now,
    }
    keep(session, [left], now)
    return row


def _stage(session: Session, message: Message) -> tuple[str, str]:
    found = session.execute(
        select(CampaignVersion.definition["trigger"]["kind"].as_string(), Campaign.name)
        .join(Campaign, Campaign.id == CampaignVersion.campaign_id)
        .where(CampaignVersion.id == message.version_id)
    ).one_or_none()
    return (_STAGES.get(found[0], "loyalty"), found[1]) if found else ("loyalty", "")


@dataclass(frozen=True, slots=True)
class Scores:
    """How many said what."""

    promoters: int
    passives: int
    detractors: int

    @property
    def count(self) -> int:
        return self.promoters + self.passives + self.detractors

    @property
    def net(self) -> float | None:
        """The net promoter score, −100 to 100; None where nobody said anything."""
        return 100 * (self.promoters - self.detractors) / self.count if self.count else None


By = Literal["store", "stage", "campaign", "day"]


def stage_of(kind: ColumnElement[str]) -> ColumnElement[str]:
    """The code of the stage at which a campaign's mails meet the customer, from the column with its trigger's kind."""
    return case(dict(_STAGES), value=kind, else_="loyalty")


def scores(
    session: Session,
    store_id: int,
    since: datetime,
    until: datetime,
    by: By = "store",
    customers: Select[int] | None = None,
) -> dict[str, Scores]:
    """Scores given in [since, until): as a whole (under ""), by stage, by campaign (row id) or by UTC day.

    Of `customers` alone, where they are given. One statement.
    """
    keys: dict[str, ColumnElement[Any]] = {
        "stage": Rating.stage.expression,
        "campaign": Rating.campaign_id.expression,
        "day": func.date(Rating.at),
    }
    key = keys.get(by)
    counts = [
        func.sum(case((Rating.score >= PROMOTER, 1), else_=0)),
        func.sum(case((Rating.score.between(PASSIVE, PROMOTER - 1), 1), else_=0)),
        func.sum(case((Rating.score < PASSIVE, 1), else_=0)),
    ]
    held = [Rating.store_id == store_id, Rating.at >= since, Rating.at < until]
    if customers is not None:
        held.append(Rating.customer_id.in_(customers))
    if key is None:
        row = session.execute(select(*counts).where(*held)).one()
        return {"": Scores(*(int(n or 0) for n in row))}
    found = session.execute(select(key, *counts).where(*held).group_by(key).order_by(key))
    return {str(name if name is not None else ""): Scores(int(a), int(b), int(c)) for name, a, b, c in found}
