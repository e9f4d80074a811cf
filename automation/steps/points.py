"""Give points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field
from sqlalchemy import select

from automation.loyalty import ledger, programme
from automation.loyalty.ledger import Line
from automation.models import Enrolment, Store
from automation.step import Desk, Move, Next, Place, Step, StepSettings


class PointsSettings(StepSettings):
    """How many, and what for."""

    points: int = Field(100, ge=1, le=1_000_000, description="Points to give.")
    reason: str = Field("A gift", min_length=1, max_length=200, description="What the customer reads in the history.")


class GivePoints(Step):
    """Gives the customer points, once for each run. While the store's programme is off, it gives none."""

    label = "Points"
    icon = "coin"
    Settings = PointsSettings

    def take(self, places: Sequence[Place], step_id: str, settings: PointsSettings, desk: Desk) -> Mapping[int, Move]:
        moves: dict[int, Move] = {place.enrolment_id: Next() for place in places}
        if not places:
            return moves
        store = desk.session.scalars(
            select(Store).join(Enrolment, Enrolment.store_id == Store.id).where(Enrolment.id == places[0].enrolment_id)
        ).one()
        rules = programme.of(store)
        if rules.is_on:
            lines = [
                Line(
                    store_id=store.id,
                    customer_id=place.customer_id,
                    kind="earn",
                    points=settings.points,
                    reason=settings.reason,
                    key=f"step:{place.enrolment_id}:{step_id}:{place.round}",
                    expires_at=rules.expires_at(desk.now),
                )
                for place in places
            ]
            ledger.add(desk.session, lines, desk.now)
        return moves

    def rehearse(
        self, places: Sequence[Place], step_id: str, settings: PointsSettings, desk: Desk
    ) -> Mapping[int, Move]:
        del step_id, settings, desk
        return {place.enrolment_id: Next() for place in places}

    def sentence(self, settings: PointsSettings) -> str:
        return f"Give {settings.points:,} points"
