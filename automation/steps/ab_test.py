"""Try several ways, and keep to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import Field, model_validator

from automation import trials
from automation.arms import ArmNames, distinct
from automation.dice import choose, draw
from automation.step import Desk, Move, Next, Place, Stay, Step, StepSettings
from automation.trials import Metric


class AbTestSettings(StepSettings):
    """What is tried, on whom, and what decides."""

    arms: ArmNames = Field(("a", "b"), description="Names of the ways to try.")
    metric: Metric = Field("click", description="What the best has most of, per person.")
    test_percent: float = Field(
        100, gt=0, le=100, description="This part takes part; the others wait for the decision and get the winner."
    )
    after_hours: float = Field(24, ge=0, le=720, description="Decided no sooner than this after the first customer.")
    at_least: int = Field(100, ge=1, le=1_000_000, description="Decided only with this many people in each way.")

    @model_validator(mode="after")
    def _makes_sense(self) -> AbTestSettings:
        distinct(self.arms)
        return self

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.after_hours)


class AbTest(Step):
    """Sends customers by chance into ways that are tried against each other; once one has won, all go there.

    For a newsletter, let a part take part: the others are held back until the time is over, and then get the winner.
    If there are too few people by then, nobody has won: those who were held back are spread over all ways like the
    rest, and the test goes on. The winner is the one with most per person in the sample; that is no proof that it is
    better, and with few people it is mostly luck.
    """

    label = "A/B test"
    icon = "flask"
    Settings = AbTestSettings

    def take(self, places: Sequence[Place], step_id: str, settings: AbTestSettings, desk: Desk) -> Mapping[int, Move]:
        trial = trials.standing(desk.session, desk.campaign_id, step_id, desk.now)
        trials.check(desk.session, trial, settings.arms, settings.metric, settings.at_least, settings.span, desk.now)
        if trial.winner in settings.arms:
            return {place.enrolment_id: Next(trial.winner) for place in places}
        over_at = trial.started_at + settings.span
        lot = f"campaign {desk.campaign_id}, step {step_id}"
        arms = [(arm, 1.0) for arm in settings.arms]
        moves: dict[int, Move] = {}
        for place in places:
            if desk.now < over_at and draw(f"{lot}, part", place.customer_id) >= settings.test_percent / 100:
                moves[place.enrolment_id] = Stay(over_at)
                continue
            arm = choose(lot, place.customer_id, arms)
            desk.pick(place, step_id, arm)
            moves[place.enrolment_id] = Next(arm)
        return moves

    def rehearse(
        self, places: Sequence[Place], step_id: str, settings: AbTestSettings, desk: Desk
    ) -> Mapping[int, Move]:
        # Nobody knows who would have clicked: everybody goes down an arm, as while it is tested.
        lot = f"campaign {desk.campaign_id}, step {step_id}"
        arms = [(arm, 1.0) for arm in settings.arms]
        return {place.enrolment_id: Next(choose(lot, place.customer_id, arms)) for place in places}

    def branches_of(self, settings: AbTestSettings) -> tuple[str, ...]:
        return settings.arms

    def sentence(self, settings: AbTestSettings) -> str:
        of = {"click": "clicks", "conversion": "orders", "revenue": "revenue"}[settings.metric]
        part = "" if settings.test_percent == 100 else f" with {settings.test_percent:g} %"
        return f"Try {', '.join(settings.arms)}{part}; most {of} per person wins"
