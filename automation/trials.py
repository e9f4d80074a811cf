"""What the arms of a test brought, and which of them is taken as the best.

`figures()` counts, `best()` decides; whoever knows a better way to decide replaces `best()` alone. The count is by
intention: everybody who was sent into an arm is counted in it, whether their mail left or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Integer, cast, exists, func, select
from sqlalchemy.orm import Session

from automation.models import ArmPick, Conversion, Message, Order, Trial
from automation.upsert import insert_into, table_of

Metric = Literal["click", "conversion", "revenue"]
EVERY = timedelta(minutes=5)
"""An open trial is counted again this often at most."""


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """What one arm brought since the trial began."""

    arm: str
    people: int = 0
    clicked: int = 0
    """People who clicked in a mail of the campaign after they were sent into the arm."""
    converted: int = 0
    """People with an order attributed to such a mail."""
    revenue: int = 0
    """Minor units, refunds taken off."""

    def score(self, metric: Metric) -> float:
        """Per person."""
        value = {"click": self.clicked, "conversion": self.converted, "revenue": self.revenue}[metric]
        return value / self.people if self.people else 0.0


def figures(session: Session, campaign_id: int, step_id: str, arms: Sequence[str], since: datetime) -> list[ArmFigures]:
    """Each arm's figures, in the order of `arms`; two statements."""
    pick, message, order = table_of(ArmPick), table_of(Message), table_of(Order)
    mine = (pick.c.campaign_id == campaign_id, pick.c.step_id == step_id, pick.c.picked_at >= since)
    after = (message.c.enrolment_id == pick.c.enrolment_id, message.c.created_at >= pick.c.picked_at)
    has_clicked = exists(select(1).where(*after, message.c.clicked_at.is_not(None)).correlate(pick))
    people = session.execute(
        select(pick.c.arm, func.count(), func.sum(cast(has_clicked, Integer))).where(*mine).group_by(pick.c.arm)
    )
    sold = session.execute(
        select(
            pick.c.arm,
            func.count(pick.c.enrolment_id.distinct()),
            func.sum(order.c.total - order.c.refunded),
        )
        .select_from(pick)
        .join(message, after[0])
        .join(Conversion, Conversion.message_id == message.c.id)
        .join(order, order.c.id == Conversion.order_id)
        .where(*mine, after[1], order.c.cancelled_at.is_(None))
        .group_by(pick.c.arm)
    )
    counted = {arm: (count, clicked) for arm, count, clicked in people}
    earned = {arm: (converted, int(revenue)) for arm, converted, revenue in sold}
    return [ArmFigures(arm, *counted.get(arm, (0, 0)), *earned.get(arm, (0, 0))) for arm in arms]


def best(found: Sequence[ArmFigures], metric: Metric, at_least: int) -> str | None:
    """The arm with the highest figure per person, the first of equals; None while an arm has too few people.

    This is the plain winner of the sample. It says nothing about how sure that is: with few people, arms that are
    equally good are told apart by luck. The figures are kept beside the decision for whoever wants to know.
    """
    if any(arm.people < at_least for arm in found):
        return None
    return max(found, key=lambda arm: arm.score(metric)).arm


def standing(session: Session, campaign_id: int, step_id: str, now: datetime) -> Trial:
    """The trial at a step, begun now if there is none; locked until the transaction ends."""
    wanted = (
        select(Trial)
        .where(Trial.campaign_id == campaign_id, Trial.step_id == step_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = session.scalars(wanted).one_or_none()
    if found is not None:
        return found
    values: dict[str, Any] = {
        "campaign_id": campaign_id,
        "step_id": step_id,
        "started_at": now,
        "checked_at": now,
        "figures": [],
    }
    session.execute(insert_into(session, Trial).values(values).on_conflict_do_nothing())
    return session.scalars(wanted).one()


def check(
    session: Session, trial: Trial, arms: Sequence[str], metric: Metric, at_least: int, span: timedelta, now: datetime
) -> None:
    """Decide an open trial if it has run for `span` and every arm has `at_least` people; at most once in `EVERY`."""
    over_at = trial.started_at + span
    if trial.decided_at is not None or now < over_at:
        return
    if trial.checked_at >= over_at and now < trial.checked_at + EVERY:
        return
    found = figures(session, trial.campaign_id, trial.step_id, arms, trial.started_at)
    trial.checked_at, trial.figures = now, [asdict(arm) for arm in found]
    winner = best(found, metric, at_least)
    if winner is not None:
        trial.winner, trial.decided_at = winner, now
    session.flush()
