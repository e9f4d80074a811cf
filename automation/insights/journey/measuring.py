"""What is measured of the journey: movement between stages, and what happens at its touchpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from automation import ratings
from automation.insights.journey.moving import stages_of
from automation.insights.periods import Period
from automation.insights.report import Asked
from automation.models import CampaignVersion, Event, JourneyStage, JourneyStay, Message, Order, SignUp, Touchpoint
from automation.ratings import Scores

DAY = 86_400


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage in one period."""

    standing: int
    """Customers in it when the period ends, or now."""
    entered: int
    onward: int
    """Stays that ended in the period with a move onward."""
    back: int
    days: float | None
    """Average length of the stays that ended."""

    @property
    def conversion(self) -> float | None:
        """Of the stays that were open in the period, the share that ended onward."""
        there = self.standing + self.onward + self.back
        return self.onward / there if there else None

    @property
    def drop_off(self) -> float | None:
        """The same for moves back."""
        there = self.standing + self.onward + self.back
        return self.back / there if there else None


_NOTHING = StageFigures(0, 0, 0, 0, None)


def _theirs(column: Any, customers: Select[int] | None) -> list[ColumnElement[bool]]:
    return [] if customers is None else [column.in_(customers)]


def stage_figures(session: Session, asked: Asked, period: Period) -> dict[int, StageFigures]:
    """Each stage's figures by its row id. Three statements."""
    stay, after = JourneyStay, aliased(JourneyStay)
    until = min(period.until, asked.now)
    mine = [stay.store_id == asked.store_id, *_theirs(stay.customer_id, asked.customers(session))]
    standing = session.execute(
        select(stay.stage_id, func.count())
        .where(*mine, stay.entered_at <= until, or_(stay.left_at.is_(None), stay.left_at > until))
        .group_by(stay.stage_id)
    )
    entered = session.execute(
        select(stay.stage_id, func.count())
        .where(*mine, stay.entered_at >= period.since, stay.entered_at < period.until)
        .group_by(stay.stage_id)
    )
    ended = session.execute(
        select(
            stay.stage_id,
            func.sum(case((after.step == 1, 1), else_=0)),
            func.sum(case((after.step == -1, 1), else_=0)),
            func.avg(stay.seconds),
        )
        # A stay ends at the instant at which the next one begins.
        .join(after, and_(after.customer_id == stay.customer_id, after.entered_at == stay.left_at, after.step != 0))
        .where(*mine, stay.left_at >= period.since, stay.left_at < period.until)
        .group_by(stay.stage_id)
    )
    now, came = {row[0]: row[1] for row in standing}, {row[0]: row[1] for row in entered}
    went = {row[0]: (int(row[1]), int(row[2]), float(row[3]) / DAY) for row in ended}
    return {
        stage: StageFigures(now.get(stage, 0), came.get(stage, 0), *went.get(stage, (0, 0, None)))
        for stage in {*now, *came, *went}
    }


def figures_of(found: dict[int, StageFigures], stage_id: int) -> StageFigures:
    """Those of one stage; noughts where nobody was there."""
    return found.get(stage_id, _NOTHING)


@dataclass(frozen=True, slots=True)
class Flow:
    """Customers who went from one stage to another."""

    source: str
    target: str
    moves: int
    customers: int
    step: int


def flows(session: Session, asked: Asked, period: Period) -> list[Flow]:
    """Moves in the period, the most frequent first. One statement."""
    source, target, stay = aliased(JourneyStage), aliased(JourneyStage), JourneyStay
    rows = session.execute(
        select(source.name, target.name, func.count(), func.count(stay.customer_id.distinct()), stay.step)
        .select_from(stay)
        .join(source, source.id == stay.from_stage_id)
        .join(target, target.id == stay.stage_id)
        .where(
            stay.store_id == asked.store_id,
            stay.entered_at >= period.since,
            stay.entered_at < period.until,
            *_theirs(stay.customer_id, asked.customers(session)),
        )
        .group_by(source.id, source.name, target.id, target.name, stay.step)
        .order_by(func.count().desc(), source.id, target.id, stay.step)
    )
    return [Flow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Met:
    """What happened at a touchpoint in one period."""

    volume: int = 0
    people: int = 0
    onward: int = 0
    """Of the people, those who went onward afterwards in the period."""
    back: int = 0


def touchpoints_of(session: Session, store_id: int) -> Sequence[Touchpoint]:
    """Those on the map, in order."""
    return session.scalars(
        select(Touchpoint)
        .join(JourneyStage, JourneyStage.id == Touchpoint.stage_id)
        .where(Touchpoint.store_id == store_id, Touchpoint.archived_at.is_(None), JourneyStage.archived_at.is_(None))
        .order_by(JourneyStage.position, Touchpoint.position, Touchpoint.id)
    ).all()


def met(
    session: Session,
    asked: Asked,
    period: Period,
    places: Sequence[Touchpoint],
    *,
    judged_until: datetime | None = None,
) -> dict[int, Met]:
    """What happened at each touchpoint, by its row id. Two statements, however many touchpoints there are.

    Moves count until the period is over, or until `judged_until`.

    Mails are counted where the map places them by what set them off; forms and orders by themselves, all else by the
    touchpoint's event.
    """
    touches = _touches(asked.store_id, period, sorted({place.event for place in places if place.event})).subquery()
    onward, back = (_moved(touches, step, judged_until or period.until) for step in (1, -1))
    rows = session.execute(
        select(
            touches.c.what,
            func.count(),
            func.count(touches.c.customer_id.distinct()),
            func.count(case((onward, touches.c.customer_id)).distinct()),
            func.count(case((back, touches.c.customer_id)).distinct()),
        )
        .where(*_theirs(touches.c.customer_id, asked.customers(session)))
        .group_by(touches.c.what)
    )
    found = {row[0]: Met(*row[1:]) for row in rows}
    codes = {stage.id: stage.code for stage in stages_of(session, asked.store_id)}
    return {place.id: found.get(_what(place, codes.get(place.stage_id, "")), Met()) for place in places}


def _what(place: Touchpoint, code: str) -> str:
    if place.event:
        return f"event:{place.event}"
    return f"mail:{code}" if place.kind == "mail" else place.kind


def _touches(store_id: int, period: Period, events: list[str]) -> Any:
    stage = ratings.stage_of(CampaignVersion.definition["trigger"]["kind"].as_string())
    return union_all(
        select(
            (literal("event:") + Event.name).label("what"), Event.customer_id.label("customer_id"), Event.at.label("at")
        ).where(Event.store_id == store_id, Event.name.in_(events), Event.at >= period.since, Event.at < period.until),
        select(literal("mail:") + stage, Message.customer_id, Message.accepted_at)
        .join(CampaignVersion, CampaignVersion.id == Message.version_id)
        .where(
            Message.store_id == store_id,
            Message.is_test.is_(False),
            Message.accepted_at >= period.since,
            Message.accepted_at < period.until,
        ),
        select(literal("order"), Order.customer_id, Order.placed_at).where(
            Order.store_id == store_id,
            Order.cancelled_at.is_(None),
            Order.placed_at >= period.since,
            Order.placed_at < period.until,
        ),
        select(literal("form"), SignUp.customer_id, SignUp.created_at).where(
            SignUp.store_id == store_id, SignUp.created_at >= period.since, SignUp.created_at < period.until
        ),
    )


def _moved(touches: Any, step: int, until: datetime) -> ColumnElement[bool]:
    return exists().where(
        JourneyStay.customer_id == touches.c.customer_id,
        JourneyStay.entered_at >= touches.c.at,
        JourneyStay.entered_at < until,
        JourneyStay.step == step,
    )


def scores_of(session: Session, asked: Asked, period: Period) -> dict[str, Scores]:
    """What people said, by the code of the stage at which they were asked."""
    return ratings.scores(session, asked.store_id, period.since, period.until, "stage", asked.customers(session))
