"""Names and numbers of a test between arms; how it runs stands in test_flow_kinds."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from automation.steps.ab_test import AbTest, AbTestSettings


def test_its_arms_are_its_branches_and_may_be_typed() -> None:
    settings = AbTestSettings.model_validate({"arms": "short, long", "test_percent": 20})
    assert AbTest().branches_of(settings) == ("short", "long")
    assert AbTest().sentence(settings) == "Try short, long with 20 %; most clicks per person wins"


@pytest.mark.parametrize("arms", ["a", "a, a", "A b, c", "a, b, c, d, e, f"])
def test_arms_that_make_no_test_are_refused(arms: str) -> None:
    with pytest.raises(ValidationError):
        AbTestSettings.model_validate({"arms": arms})
