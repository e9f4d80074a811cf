"""Split customers by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field, model_validator

from automation.arms import Arm, Arms, distinct
from automation.dice import choose
from automation.step import Desk, Move, Next, Place, Step, StepSettings


class SplitSettings(StepSettings):
    """Which ways there are, and how many take each."""

    arms: Arms = Field(
        (Arm(name="a", weight=50), Arm(name="b", weight=50)), description="Each way on with its weight: a 50, b 50."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> SplitSettings:
        distinct([arm.name for arm in self.arms])
        if not any(arm.weight for arm in self.arms):
            raise ValueError("at least one arm needs a weight")
        return self


class Split(Step):
    """Sends customers by chance into one of several branches, by their weights.

    The same customer always takes the same branch of the same step, however often they come by.
    """

    label = "Random split"
    icon = "arrows-split-2"
    Settings = SplitSettings

    def take(self, places: Sequence[Place], step_id: str, settings: SplitSettings, desk: Desk) -> Mapping[int, Move]:
        lot = f"campaign {desk.campaign_id}, step {step_id}"
        arms = [(arm.name, arm.weight) for arm in settings.arms]
        moves = {}
        for place in places:
            arm = choose(lot, place.customer_id, arms)
            desk.pick(place, step_id, arm)
            moves[place.enrolment_id] = Next(arm)
        return moves

    def branches_of(self, settings: SplitSettings) -> tuple[str, ...]:
        return tuple(arm.name for arm in settings.arms)

    def sentence(self, settings: SplitSettings) -> str:
        total = sum(arm.weight for arm in settings.arms)
        return "Split: " + ", ".join(f"{arm.name} {100 * arm.weight / total:.3g} %" for arm in settings.arms)
