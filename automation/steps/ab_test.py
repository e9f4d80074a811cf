"""Try several ways, and keep to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import Field, model_validator

from automation import trials
from automation.arms import ArmNames, distinct
from automation.dice import choose, draw
from automation.step import Desk, Move, Next, Place, Stay, Step, StepSettings
from automation.trials import Metric, Otherwise, Terms


class AbTestSettings(StepSettings):
    """What is tried, on whom, and what decides."""

    arms: ArmNames = Field(("a", "b"), description="Names of the ways to try.")
    metric: Metric = Field("click", description="What the best has most of, per person.")
    test_percent: float = Field(
        100, gt=0, le=100, description="This part takes part; the others wait for the decision and get the winner."
    )
    after_hours: float = Field(
        24,
        ge=0,
        le=720,
        description="Decided no sooner than this after the first customer; who does not take part waits for so long.",
    )
    at_least: int = Field(100, ge=2, le=1_000_000, description="Decided only with this many people in each way.")
    automatic: bool = Field(
        default=True, description="Once a way is the best, all go there. Off: the test measures, and a person decides."
    )
    ends_after_days: float = Field(
        30,
        gt=0,
        le=365,
        description="Without a best by then the test ends. Where some wait, it ends with their waiting.",
    )
    otherwise: Otherwise = Field(
        "leader",
        title="If none is better by then",
        description="leader: all take the way that is ahead. spread: all ways stay in use.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> AbTestSettings:
        distinct(self.arms)
        return self

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.after_hours)

    @property
    def terms(self) -> Terms:
        """What its trial goes by."""
        ends_after = timedelta(days=self.ends_after_days)
        return Terms(
            arms=self.arms,
            metric=self.metric,
            at_least=self.at_least,
            not_before=self.span,
            ends_after=self.span if self.test_percent < 100 else max(self.span, ends_after),
            is_automatic=self.automatic,
            otherwise=self.otherwise,
        )


class AbTest(Step):
    """Sends customers by chance into ways that are tried against each other; once one has won, all go there.

    Hang into each way what is to be compared: another mail, the same mail with another subject or sender, the mail
    after a wait until another hour, or a whole branch. A way wins when it is better than all others, and that is
    judged so that at most one test in twenty between equally good ways gets a winner, also when it is looked at every
    day. If none is better when the time is over, the test says so: there is no difference that so many people could
    show. All then take the way that is ahead, or all ways stay in use, as you choose. With too few people it goes on.

    For a newsletter, let a part take part: the others are held back until the time is over, and then get the winner.
    """

    label = "A/B test"
    icon = "flask"
    Settings = AbTestSettings

    def take(self, places: Sequence[Place], step_id: str, settings: AbTestSettings, desk: Desk) -> Mapping[int, Move]:
        trial = trials.standing(desk.session, desk.campaign_id, step_id, desk.now)
        trials.check(desk.session, trial, desk.store_id, settings.terms, desk.now)
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
        wins = "most {of} per person wins" if settings.automatic else "compares {of} per person"
        return f"Try {', '.join(settings.arms)}{part}; {wins.format(of=of)}"
