"""What customers wrote with their scores, and what became of it: for the page on feedback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked
from automation.models import Campaign, CampaignVersion, Customer, FeedbackNote, Message, Notice, Rating, Touchpoint
from automation.ratings import EVENT, PASSIVE, PROMOTER, group_of
from webapp.queries.paging import Mark, below

PAGE = 25


@dataclass(frozen=True, slots=True)
class Comment:
    """A score with words, and who gave it in answer to which campaign."""

    id: int
    score: int
    group: str
    text: str
    at: datetime
    stage: str
    campaign: str
    customer_id: str
    customer: str


@dataclass(frozen=True, slots=True)
class Comments:
    """One page of them."""

    rows: Sequence[Comment]
    next: Mark | None


def comments(session: Session, asked: Asked, q: str, after: Mark | None) -> Comments:
    """Comments of the period that hold the words, the newest first. One statement."""
    found = (
        select(Rating, Campaign.name, Customer)
        .join(Customer, Customer.id == Rating.customer_id)
        .outerjoin(Campaign, Campaign.id == Rating.campaign_id)
        .where(
            Rating.store_id == asked.store_id,
            Rating.at >= asked.period.since,
            Rating.at < asked.period.until,
            Rating.comment != "",
            below(Rating.at, Rating.id, after),
        )
        .order_by(Rating.at.desc(), Rating.id.desc())
        .limit(PAGE + 1)
    )
    if q:
        found = found.where(func.lower(Rating.comment).contains(q.lower(), autoescape=True))
    if (customers := asked.customers(session)) is not None:
        found = found.where(Rating.customer_id.in_(customers))
    rows = [
        Comment(
            rating.id,
            rating.score,
            group_of(rating.score),
            rating.comment,
            rating.at,
            rating.stage,
            campaign or "",
            customer.public_id,
            f"{customer.first_name} {customer.last_name}".strip() or customer.email or "A customer",
        )
        for rating, campaign, customer in session.execute(found)
    ]
    shown = rows[:PAGE]
    return Comments(shown, Mark(shown[-1].at, shown[-1].id) if len(rows) > PAGE else None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the answers of one group."""

    group: str
    answers: int
    routed: int
    """A mail answered the score: one that asks for a review or a referral, for example."""
    told: int
    """A person was told."""
    seen_to: int
    """… and has seen to it."""


def _listeners(store_id: int) -> Select[int]:
    """Campaigns that a score sets off."""
    return (
        select(CampaignVersion.campaign_id)
        .join(Campaign, Campaign.live_version_id == CampaignVersion.id)
        .where(
            Campaign.store_id == store_id,
            CampaignVersion.definition["trigger"]["settings"]["event"].as_string() == EVENT,
        )
    )


def outcomes(session: Session, asked: Asked) -> list[Outcome]:
    """Promoters, passives and detractors of the period. Three statements.

    Counted is what the campaign that had asked, or one that `rating.left` sets off, did for the customer afterwards.
    """
    out = []
    for group, least, most in (
        ("promoter", PROMOTER, 10),
        ("passive", PASSIVE, PROMOTER - 1),
        ("detractor", 0, PASSIVE - 1),
    ):
        told, mailed = (
            select(model.id)
            .where(
                model.customer_id == Rating.customer_id,
                model.created_at >= Rating.at,
                or_(model.campaign_id == Rating.campaign_id, model.campaign_id.in_(_listeners(asked.store_id))),
            )
            .correlate(Rating)
            for model in (Notice, Message)
        )
        statement = select(
            func.count(),
            func.count(Rating.id).filter(mailed.exists()),
            func.count(Rating.id).filter(told.exists()),
            func.count(Rating.id).filter(told.where(Notice.read_at.is_not(None)).exists()),
        ).where(
            Rating.store_id == asked.store_id,
            Rating.at >= asked.period.since,
            Rating.at < asked.period.until,
            Rating.score.between(least, most),
        )
        if (customers := asked.customers(session)) is not None:
            statement = statement.where(Rating.customer_id.in_(customers))
        out.append(Outcome(group, *session.execute(statement).one()))
    return out


def notes(session: Session, store_id: int) -> list[tuple[FeedbackNote, str]]:
    """The newest notes, each with its touchpoint's name. One statement."""
    rows = session.execute(
        select(FeedbackNote, func.coalesce(Touchpoint.name, ""))
        .outerjoin(Touchpoint, Touchpoint.id == FeedbackNote.touchpoint_id)
        .where(FeedbackNote.store_id == store_id)
        .order_by(FeedbackNote.at.desc(), FeedbackNote.id.desc())
        .limit(PAGE)
    )
    return [(row[0], row[1]) for row in rows]
