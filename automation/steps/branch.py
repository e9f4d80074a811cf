"""Branch on a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator
from sqlalchemy import literal

from automation.campaigns import readable
from automation.errors import CampaignBroken, RuleBroken
from automation.rules import english, language
from automation.rules.sql import predicate
from automation.step import Desk, Move, Next, Place, Publishing, Step, StepSettings


class BranchSettings(StepSettings):
    """For whom."""

    rule: dict[str, Any] | None = Field(None, description="Who takes the branch “yes”.")

    @field_validator("rule")
    @classmethod
    def _reads(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            readable(value)
        return value


class Branch(Step):
    """Sends customers for whom a rule holds one way, and all others the other way.

    The rule is asked at the moment at which the customer comes to the step.
    """

    label = "Branch"
    icon = "git-branch"
    Settings = BranchSettings
    branches = ("yes", "no")

    def take(self, places: Sequence[Place], step_id: str, settings: BranchSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id
        holding = desk.holding(places, language.read(settings.rule))
        return {p.enrolment_id: Next("yes" if p.enrolment_id in holding else "no") for p in places}

    def at_publish(self, settings: BranchSettings, publishing: Publishing) -> BranchSettings:
        if settings.rule is None:
            raise CampaignBroken("set the rule")
        try:
            predicate(language.read(settings.rule), publishing.now, publishing.scope, entry=literal(publishing.now))
        except RuleBroken as error:
            raise CampaignBroken(f"rule: {error}") from error
        return settings

    def sentence(self, settings: BranchSettings) -> str:
        return f"If {english.sentence(language.read(settings.rule))}" if settings.rule else "If …"
