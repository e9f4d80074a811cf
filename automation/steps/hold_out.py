"""Hold a part of the customers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from automation.dice import draw
from automation.insights.experiments.counting import HELD, MAILED
from automation.step import Desk, Hold, Move, Next, Place, Step, StepSettings


class HoldOutSettings(StepSettings):
    """How many."""

    percent: float = Field(10, gt=0, lt=100, description="This part of the customers goes no further.")


class HoldOut(Step):
    """Lets a part of the customers go no further, so that the others can be compared with them.

    Who is held out is drawn by chance and stays the same; they are counted apart and get nothing from here on.
    """

    label = "Hold out"
    icon = "filter"
    Settings = HoldOutSettings

    def take(self, places: Sequence[Place], step_id: str, settings: HoldOutSettings, desk: Desk) -> Mapping[int, Move]:
        lot = f"campaign {desk.campaign_id}, step {step_id}"
        share = settings.percent / 100
        moves = {}
        for place in places:
            is_held = draw(lot, place.customer_id) < share
            desk.pick(place, step_id, HELD if is_held else MAILED)
            moves[place.enrolment_id] = _move(is_held)
        return moves

    def sentence(self, settings: HoldOutSettings) -> str:
        return f"Hold out {settings.percent:g} %"


def _move(is_held: bool) -> Move:
    return Hold("held out at a step, for comparison") if is_held else Next()
