"""Recommendations."""

from __future__ import annotations

from typing import ClassVar

from automation.block import Block, grid


class RecommendationsBlock(Block):
    """What suits this customer, from what they and others bought."""

    label: ClassVar[str] = "Recommendations"
    icon: ClassVar[str] = "sparkles"
    place: ClassVar[int] = 7

    def mjml(self) -> str:
        return grid("recommendations.picks", 4)
